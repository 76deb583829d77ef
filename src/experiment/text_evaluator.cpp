#include "experiment/text_evaluator.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"

namespace isomerge {

TextEvaluator::TextEvaluator(const Suite& suite, const std::vector<std::string>& tasks, int threads,
                             c10::Device device, at::ScalarType dtype)
    : SuiteEvaluator(suite), tokenizer_(suite.tokenizer), model_(suite.module, device, dtype) {
  options_.threads = threads;
  options_.most_tokens = suite.text.most_tokens;
  options_.normalise_length = suite.text.normalise_length;
  require_vocabulary_of(model_, tokenizer_);
  for (const std::string& name : tasks) sets_.emplace(name, require_task(suite, name).data);
}

int64_t TextEvaluator::split_size(const std::string& task, const std::string& split) const {
  return sets_.at(task).require_split(split).size();
}

const TokenizedSplit& TextEvaluator::tokens(const std::string& task, const std::string& split) {
  const auto [entry, is_new] = tokens_.try_emplace({task, split});
  if (!is_new) return entry->second;
  entry->second = tokenize(sets_.at(task), split, tokenizer_, options_.most_tokens);
  if (entry->second.cut > 0) {
    log_warning(fmt::format("{}: {} texts of more than {} tokens are cut off", entry->second.label,
                            entry->second.cut, options_.most_tokens));
  }
  return entry->second;
}

Evaluation TextEvaluator::evaluate(const std::string& task, const std::string& split) {
  return isomerge::evaluate(model_, tokenizer_, tokens(task, split), options_);
}

double TextEvaluator::interference(const std::string&, const std::string&) {
  throw input_error(suite().path.string() +
                    ": the distance of features is defined for suites of images alone");
}

}  // namespace isomerge
