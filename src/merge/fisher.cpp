#include "merge/fisher.h"

#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

namespace isomerge {
namespace {

class FisherRule : public ElementwiseRule {
 public:
  FisherRule(std::shared_ptr<const StatisticsSet> statistics, double floor, double first_share)
      : statistics_(std::move(statistics)), floor_(floor), first_share_(first_share) {}

  void prepare(const std::vector<std::string>& tasks, at::ScalarType) override {
    shares_ = task_shares(first_share_, tasks);
  }

  at::Tensor merge(const Block& block) const override {
    const auto weights = statistics_->fisher(block.info, block.first, block.size(), at::kDouble);
    at::Tensor sum = at::zeros({block.size()}, at::kDouble);
    at::Tensor total = at::zeros({block.size()}, at::kDouble);
    for (size_t t = 0; t < weights.size(); ++t) {
      const at::Tensor weight = weights[t].clamp_min(floor_).mul_(shares_[t]);
      sum.addcmul_(weight, block.updates[t].to(at::kDouble));
      total.add_(weight);
    }
    return sum.div_(total).to(block.updates.front().scalar_type());
  }

 private:
  std::shared_ptr<const StatisticsSet> statistics_;
  double floor_, first_share_;
  std::vector<double> shares_;  // in task order
};

}  // namespace

std::shared_ptr<ElementwiseRule> fisher_rule(std::shared_ptr<const StatisticsSet> statistics,
                                             double floor, double first_share) {
  return std::make_shared<FisherRule>(std::move(statistics), floor, first_share);
}

}  // namespace isomerge
