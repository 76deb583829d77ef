#include "merge/elementwise.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

class SumRule : public ElementwiseRule {
 public:
  explicit SumRule(BlockChange change) : change_(std::move(change)) {}

  at::Tensor merge(const Block& block) const override {
    return sum_of(change_ ? change_(block) : block);
  }

 private:
  BlockChange change_;
};

class MeanRule : public ElementwiseRule {
 public:
  explicit MeanRule(double first_share) : first_share_(first_share) {}

  void prepare(const std::vector<std::string>& tasks, at::ScalarType) override {
    shares_ = task_shares(first_share_, tasks);
  }

  at::Tensor merge(const Block& block) const override {
    if (first_share_ == kEqualShares) {
      return sum_of(block).div_(static_cast<double>(block.updates.size()));
    }
    return block.updates[0].mul(shares_[0]).add_(block.updates[1], shares_[1]);
  }

 private:
  double first_share_;
  std::vector<double> shares_;  // in task order
};

}  // namespace

std::vector<double> task_shares(double first_share, const std::vector<std::string>& tasks) {
  if (first_share == kEqualShares) return std::vector<double>(tasks.size(), 1.0);
  if (tasks.size() == 2) return {first_share, 1.0 - first_share};
  throw input_error(fmt::format("first_share {} needs two experts, got {}: {}",
                                number_text(first_share), tasks.size(), join(tasks, ", ")));
}

std::shared_ptr<ElementwiseRule> mean_rule(double first_share) {
  return std::make_shared<MeanRule>(first_share);
}

std::shared_ptr<ElementwiseRule> sum_rule(const BlockChange& change) {
  return std::make_shared<SumRule>(change);
}

at::Tensor sum_of(const Block& block) {
  at::Tensor sum = block.updates.front().clone();
  for (size_t t = 1; t < block.updates.size(); ++t) sum.add_(block.updates[t]);
  return sum;
}

}  // namespace isomerge
