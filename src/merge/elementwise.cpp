#include "merge/elementwise.h"

namespace isomerge {
namespace {

class SumRule : public ElementwiseRule {
 public:
  at::Tensor merge(const Block& block) const override { return sum_of(block); }
};

class MeanRule : public ElementwiseRule {
 public:
  at::Tensor merge(const Block& block) const override {
    return sum_of(block).div_(static_cast<double>(block.updates.size()));
  }
};

}  // namespace

std::shared_ptr<ElementwiseRule> mean_rule() { return std::make_shared<MeanRule>(); }
std::shared_ptr<ElementwiseRule> sum_rule() { return std::make_shared<SumRule>(); }

at::Tensor sum_of(const Block& block) {
  at::Tensor sum = block.updates.front().clone();
  for (size_t t = 1; t < block.updates.size(); ++t) sum.add_(block.updates[t]);
  return sum;
}

}  // namespace isomerge
