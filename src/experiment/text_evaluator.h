// experiment/text_evaluator.h -- the evaluator of language suites.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dataset/text_set.h"
#include "dataset/tokenizer.h"
#include "eval/text_evaluation.h"
#include "experiment/suite_evaluator.h"
#include "model/language_model.h"

namespace isomerge {

class TextEvaluator : public SuiteEvaluator {
 public:
  // See open_suite_evaluator().
  TextEvaluator(const Suite& suite, const std::vector<std::string>& tasks, int threads,
                c10::Device device, at::ScalarType dtype);

  std::string head_hash(const std::string&) const override { return ""; }
  int64_t split_size(const std::string& task, const std::string& split) const override;
  void bind(const Weights& weights, const std::string& label) override {
    model_.bind(weights, label);
  }
  // The split's tokens are kept: a grid over alpha makes them once.
  Evaluation evaluate(const std::string& task, const std::string& split) override;
  double interference(const std::string& task, const std::string& split) override;

 private:
  const TokenizedSplit& tokens(const std::string& task, const std::string& split);

  TextOptions options_;
  Tokenizer tokenizer_;
  LanguageModel model_;
  std::map<std::string, TextSet> sets_;
  std::map<std::pair<std::string, std::string>, TokenizedSplit> tokens_;  // by task and split
};

}  // namespace isomerge
