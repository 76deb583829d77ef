#include "experiment/image_evaluator.h"

#include <fmt/format.h>

#include "checkpoint/tensor_hash.h"
#include "eval/interference.h"
#include "task/expert_file.h"

namespace isomerge {

ImageEvaluator::ImageEvaluator(const Suite& suite, const std::vector<std::string>& tasks,
                               int threads, c10::Device device, at::ScalarType dtype)
    : SuiteEvaluator(suite), encoder_(suite.module, device, dtype) {
  options_.threads = threads;
  options_.preprocessing = suite_preprocessing(suite);
  const Checkpoint heads(suite.heads);
  for (const std::string& name : tasks) {
    const Task& task = require_task(suite, name);
    auto set = open_image_set(task.data);
    const at::Tensor weight = heads.read(name);
    const auto [entry, is_new] = heads_.emplace(
        name,
        Head{ClassHead(weight, fmt::format("{}: {}", heads.label(), name)), tensor_hash(weight)});
    entry->second.head.require_classes_of(*set);
    sets_.emplace(name, std::move(set));
  }
}

int64_t ImageEvaluator::split_size(const std::string& task, const std::string& split) const {
  return sets_.at(task)->require_split(split).size();
}

Evaluation ImageEvaluator::evaluate(const std::string& task, const std::string& split) {
  return isomerge::evaluate(encoder_, heads_.at(task).head, *sets_.at(task), split, options_);
}

double ImageEvaluator::interference(const std::string& task, const std::string& split) {
  if (!expert_) expert_.emplace(suite().module, encoder_.device(), encoder_.dtype());
  const Checkpoint base(suite().base);
  const ExpertFile expert(require_task(suite(), task).expert, base);
  expert_->bind(expert.weights(), expert.label());
  return mean_feature_distance(encoder_, *expert_, *sets_.at(task), split, options_);
}

}  // namespace isomerge
