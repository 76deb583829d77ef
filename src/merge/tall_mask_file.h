// merge/tall_mask_file.h -- TALL masks that somebody published, in a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/elementwise.h"
#include "task/updates.h"

namespace isomerge {

// One U8 tensor [ceil(n / 8)] "<task>/<name>" per task and tensor of n entries: their bits in
// row-major order, the first bit highest, as models/unpickle.py masks writes them.
class TallMaskFile {
 public:
  explicit TallMaskFile(const std::filesystem::path& path);

  std::vector<std::filesystem::path> files() const { return file_.files(); }

  // Throws one Error(kInput) that names everything that does not fit: masks of other tasks than
  // those that are merged (letter case aside: published names have capitals), a merged tensor
  // without a mask, a mask of no tensor, another number of bits.
  void require_fit(const std::vector<std::string>& tasks, const std::vector<TensorInfo>& tensors,
                   const RoleRules& roles) const;

  // Whether entries [first, first + count) of a tensor are in the task's mask: 0 or 1 each.
  // Thread-safe. Cost: one read of their bits. Only after require_fit().
  std::vector<uint8_t> read(const std::string& task, const TensorInfo& info, int64_t first,
                            int64_t count) const;

  // XXH3-128 of all masks.
  std::string hash() const;

 private:
  // The task of the file that is called so, whatever its case; nothing if there is none.
  const std::string* find_task(const std::string& task) const;

  Checkpoint file_;
  std::vector<std::string> tasks_;  // as the file spells them, sorted
};

// sum_t D_t where at least min_tasks of the masks hold, else 0: consensus_rule()
// (merge/consensus.h) with masks that are there. `masks` was asked whether it fits.
std::shared_ptr<ElementwiseRule> consensus_rule(std::shared_ptr<const TallMaskFile> masks,
                                                int64_t min_tasks);

}  // namespace isomerge
