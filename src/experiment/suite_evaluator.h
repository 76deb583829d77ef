// experiment/suite_evaluator.h -- a suite's module and datasets, opened once and asked often.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "config/suite.h"
#include "dataset/preprocessing.h"
#include "eval/evaluate.h"

namespace isomerge {

// A suite's preprocessing as its images are read.
Preprocessing suite_preprocessing(const Suite& suite);

class SuiteEvaluator {
 public:
  explicit SuiteEvaluator(const Suite& suite) : suite_(suite) {}
  virtual ~SuiteEvaluator() = default;

  const Suite& suite() const { return suite_; }

  // Hash of one task's head: its shape and values. "" where tasks have none.
  virtual std::string head_hash(const std::string& task) const = 0;

  // The examples of a split. Throws Error(kInput) if the task's dataset has no such split.
  virtual int64_t split_size(const std::string& task, const std::string& split) const = 0;

  // From now on evaluates these weights. `label` names them in messages.
  virtual void bind(const Weights& weights, const std::string& label) = 0;

  // How right the bound weights answer each example of a task's split. Throws as evaluate() does.
  virtual Evaluation evaluate(const std::string& task, const std::string& split) = 0;

  // How far the bound weights' features of a split are from those of the task's expert; see
  // eval/interference.h. A second encoder is loaded for it. Throws Error(kInput) for text.
  virtual double interference(const std::string& task, const std::string& split) = 0;

 private:
  const Suite& suite_;
};

// Opens and checks everything that `tasks` need: encoder, heads, images, that each head fits its
// images; or model, tokenizer and text. The module computes in `dtype` (model/bound_module.h).
// `suite` must outlive it. Throws Error(kInput) naming the file.
std::unique_ptr<SuiteEvaluator> open_suite_evaluator(const Suite& suite,
                                                     const std::vector<std::string>& tasks,
                                                     int threads,
                                                     c10::Device device = c10::Device(c10::kCPU),
                                                     at::ScalarType dtype = at::kFloat);

}  // namespace isomerge
