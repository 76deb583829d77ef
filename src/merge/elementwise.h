// merge/elementwise.h -- rules that treat every entry by itself, and the passes over all entries
// that some of them need first. They see blocks, so that no tensor is ever held for all tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// A run of consecutive entries of one tensor, for all T tasks.
struct Block {
  const TensorInfo& info;                 // of the whole tensor
  const std::vector<std::string>& tasks;  // names, T
  int64_t first = 0;                      // row-major number of the first entry in the tensor
  std::vector<at::Tensor> updates;        // T, 1-D, contiguous, CPU, compute dtype, finite

  int64_t size() const { return updates.front().numel(); }
};

// A change of the updates before a rule looks at them (DARE).
using BlockChange = std::function<Block(const Block&)>;

// What one pass over all blocks gathers. Blocks arrive in any order and from several threads, each
// with a state of its own: only what does not depend on order may be kept, such as counts.
class ScanState {
 public:
  virtual ~ScanState() = default;
  virtual void fold(const Block& block) = 0;
  virtual void absorb(const ScanState& other) = 0;  // of the same pass
};

class ElementwiseRule {
 public:
  virtual ~ElementwiseRule() = default;

  // Called once before everything else, with the names of the tasks and the dtype of the updates.
  // Throws Error(kInput) if the options do not fit them.
  virtual void prepare(const std::vector<std::string>& /*tasks*/, at::ScalarType /*dtype*/) {}

  // Passes over all blocks of all tensors before the first merge(); pass i + 1 starts after
  // finish_scan(i). Known after prepare().
  virtual int scans() const { return 0; }
  virtual std::unique_ptr<ScanState> start_scan(int /*scan*/) { return nullptr; }
  virtual void finish_scan(int /*scan*/, const ScanState& /*total*/) {}

  // The merged update of a block [size], in its dtype. Called from several threads.
  virtual at::Tensor merge(const Block& block) const = 0;
};

// How much each task weighs beside the others: any number of tasks alike, or two tasks
// `first_share` and 1 - first_share. T factors, which are 1 where all weigh alike. Throws
// Error(kInput) if the shares differ and there are not two tasks.
constexpr double kEqualShares = 0.5;
std::vector<double> task_shares(double first_share, const std::vector<std::string>& tasks);

// (1/T) sum_t D_t; of two tasks first_share D_1 + (1 - first_share) D_2. See task_shares().
std::shared_ptr<ElementwiseRule> mean_rule(double first_share = kEqualShares);

// sum_t D_t, of the changed updates if there is a change.
std::shared_ptr<ElementwiseRule> sum_rule(const BlockChange& change = {});

// The sum of the updates of a block, added in task order. [size], a new tensor.
at::Tensor sum_of(const Block& block);

}  // namespace isomerge
