#include "merge/consensus.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "merge/masked_sum.h"

namespace isomerge {
namespace {

// The task's number.
size_t require_known(const std::string& task, const std::vector<std::string>& tasks) {
  const auto found = std::find(tasks.begin(), tasks.end(), task);
  if (found == tasks.end()) {
    throw input_error(fmt::format("no task \"{}\"{}; the tasks are {}", task,
                                  nearest_hint(task, tasks), join(tasks, ", ")));
  }
  return static_cast<size_t>(found - tasks.begin());
}

bool in_mask(double value, double sum, double lambda) {
  return std::abs(value) > lambda * std::abs(sum - value);
}

class ConsensusRule : public ElementwiseRule {
 public:
  ConsensusRule(const Lambdas& lambdas, int64_t min_tasks)
      : given_(lambdas), min_tasks_(min_tasks) {}

  void prepare(const std::vector<std::string>& tasks, at::ScalarType) override {
    lambdas_.clear();
    for (const std::string& task : tasks) {
      const auto own = given_.by_task.find(task);
      lambdas_.push_back(own == given_.by_task.end() ? given_.common : own->second);
    }
    for (const auto& [task, lambda] : given_.by_task) require_known(task, tasks);
  }

  at::Tensor merge(const Block& block) const override {
    return masked_sum_of(block, [this](size_t, const std::vector<double>& values, double sum) {
      int64_t votes = 0;
      for (size_t t = 0; t < values.size(); ++t) votes += in_mask(values[t], sum, lambdas_[t]);
      return votes >= min_tasks_;
    });
  }

 private:
  Lambdas given_;
  std::vector<double> lambdas_;  // in task order
  int64_t min_tasks_;
};

class TallMaskRule : public ElementwiseRule {
 public:
  TallMaskRule(double lambda, const std::string& task) : lambda_(lambda), name_(task) {}

  void prepare(const std::vector<std::string>& tasks, at::ScalarType) override {
    task_ = require_known(name_, tasks);
  }

  at::Tensor merge(const Block& block) const override {
    return masked_sum_of(block, [this](size_t, const std::vector<double>& values, double sum) {
      return in_mask(values[task_], sum, lambda_);
    });
  }

 private:
  double lambda_;
  std::string name_;
  size_t task_ = 0;
};

}  // namespace

std::map<std::string, double> parse_lambdas(const std::string& text) {
  std::map<std::string, double> lambdas;
  for (const std::string& part : split(text, ',')) {
    const size_t equals = part.find('=');
    const auto value =
        equals == std::string::npos ? std::nullopt : parse_number(part.substr(equals + 1));
    if (!value || *value < 0.0 || equals == 0) {
      throw input_error(
          fmt::format("lambdas \"{}\": expected TASK=NUMBER,TASK=NUMBER, got \"{}\"", text, part));
    }
    if (!lambdas.emplace(part.substr(0, equals), *value).second) {
      throw input_error(
          fmt::format("lambdas \"{}\": {} is given twice", text, part.substr(0, equals)));
    }
  }
  return lambdas;
}

std::shared_ptr<ElementwiseRule> consensus_rule(const Lambdas& lambdas, int64_t min_tasks) {
  return std::make_shared<ConsensusRule>(lambdas, min_tasks);
}

std::shared_ptr<ElementwiseRule> tall_mask_rule(double lambda, const std::string& task) {
  return std::make_shared<TallMaskRule>(lambda, task);
}

}  // namespace isomerge
