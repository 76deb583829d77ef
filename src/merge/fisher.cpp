#include "merge/fisher.h"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

namespace isomerge {
namespace {

class FisherRule : public ElementwiseRule {
 public:
  FisherRule(std::shared_ptr<const StatisticsSet> statistics, double floor)
      : statistics_(std::move(statistics)), floor_(floor) {}

  at::Tensor merge(const Block& block) const override {
    const auto weights = statistics_->fisher(block.info, block.first, block.size(), at::kDouble);
    at::Tensor sum = at::zeros({block.size()}, at::kDouble);
    at::Tensor total = at::zeros({block.size()}, at::kDouble);
    for (size_t t = 0; t < weights.size(); ++t) {
      const at::Tensor weight = weights[t].clamp_min(floor_);
      sum.addcmul_(weight, block.updates[t].to(at::kDouble));
      total.add_(weight);
    }
    return sum.div_(total).to(block.updates.front().scalar_type());
  }

 private:
  std::shared_ptr<const StatisticsSet> statistics_;
  double floor_;
};

}  // namespace

std::shared_ptr<ElementwiseRule> fisher_rule(std::shared_ptr<const StatisticsSet> statistics,
                                             double floor) {
  return std::make_shared<FisherRule>(std::move(statistics), floor);
}

}  // namespace isomerge
