// experiment/suite_evaluator.h -- a suite's encoder, heads and datasets, opened once and asked
// often.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "config/suite.h"
#include "eval/evaluate.h"
#include "model/encoder.h"

namespace isomerge {

// A suite's preprocessing as its images are read.
Preprocessing suite_preprocessing(const Suite& suite);

class SuiteEvaluator {
 public:
  // Opens and checks everything that `tasks` need: encoder, heads, packs, that each head fits its
  // images. The encoder computes in `dtype` (model/encoder.h). Throws Error(kInput) naming the
  // file.
  SuiteEvaluator(const Suite& suite, const std::vector<std::string>& tasks, int threads,
                 c10::Device device = c10::Device(c10::kCPU), at::ScalarType dtype = at::kFloat);

  const Suite& suite() const { return suite_; }

  // Hash of one task's head: its shape and values.
  std::string head_hash(const std::string& task) const { return heads_.at(task).hash; }

  // The examples of a split. Throws Error(kInput) if the task's images have no such split.
  int64_t split_size(const std::string& task, const std::string& split) const;

  // From now on evaluates these weights. `label` names them in messages.
  void bind(const Weights& weights, const std::string& label) { encoder_.bind(weights, label); }

  // Which examples of a task's split the bound weights answer rightly. Throws as evaluate() does.
  Evaluation evaluate(const std::string& task, const std::string& split) const;

  // How far the bound weights' features of a split are from those of the task's expert; see
  // eval/interference.h. A second encoder is loaded for it.
  double interference(const std::string& task, const std::string& split);

 private:
  struct Head {
    ClassHead head;
    std::string hash;
  };

  const Suite& suite_;
  EvaluationOptions options_;
  Encoder encoder_;
  std::optional<Encoder> expert_;
  std::map<std::string, Head> heads_;
  std::map<std::string, std::unique_ptr<ImageSet>> sets_;
};

}  // namespace isomerge
