// task/updates.h -- what fine-tuning changed, for all T tasks of a suite, one tensor at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/checkpoint.h"
#include "task/expert_file.h"
#include "task/update.h"

namespace isomerge {

// What happens to a tensor in a merge.
enum class Role {
  kMatrix,    // a task matrix: the method's matrix rule
  kOther,     // a vector, convolution kernel, embedding...: the method's rule for other tensors
  kExcluded,  // --exclude: keeps the base's value
  kCopied,    // not floating: keeps the base's value, and every expert must have the same
};

// "matrix", "other", "excluded" or "copied".
std::string role_text(Role role);

// Which tensors are matrices: exactly 2-D and not named *text_projection* (the rule of the code
// of arXiv:2502.04959), unless a glob says otherwise. Globs are matched against whole names.
struct RoleRules {
  std::vector<std::string> exclude;  // kept as in the base; wins over `average`
  std::vector<std::string> average;  // treated as other tensors although they are matrices
  // q, k and v of an attention are a matrix each even where one tensor *in_proj_weight holds all
  // three, as OpenCLIP has them; else that tensor is one matrix, as the published code takes it.
  bool split_attention = false;

  Role role_of(const TensorInfo& info) const;

  // Whether a matrix rule may take it as one column: floating, 1-D, neither excluded nor averaged.
  bool is_vector(const TensorInfo& info) const;

  // How many matrices of equal numbers of rows a tensor of role kMatrix is: 3 or 1.
  int64_t parts_of(const TensorInfo& info) const;

  // Throws Error(kInput) if a glob fits no tensor: it is a slip.
  void require_matches(const std::vector<TensorInfo>& tensors) const;
};

// Rows of a tensor; a scalar is one.
int64_t row_count(const TensorInfo& info);

// Rows [first, first + rows) along dimension 0.
struct RowBlock {
  int64_t first = 0, rows = 0;
};

// A tensor cut into blocks of some 2^17 entries (at least one row): small enough that T blocks stay
// in the cache, large enough to read well. At least one block, for a tensor without rows as well.
std::vector<RowBlock> row_blocks(const TensorInfo& info);

struct Expert {
  std::string task;
  std::filesystem::path path;
};

// Base and experts, open. Holds no tensor. Reading is thread-safe.
class Updates {
 public:
  // Throws Error(kInput): no expert, a task name twice, the same file twice (also through links),
  // the base given as an expert, files that do not hold the same tensors (one report for all
  // files), adapters that do not fit the base.
  Updates(const std::filesystem::path& base, const std::vector<Expert>& experts);
  Updates(const std::filesystem::path& base, const std::vector<Expert>& experts, TensorData data);

  const std::vector<std::string>& tasks() const { return tasks_; }  // in the order given
  const Checkpoint& base() const { return *base_; }
  bool has_adapters() const { return has_adapters_; }
  const std::vector<TensorInfo>& tensors() const { return base_->tensors(); }  // file order

  std::vector<std::filesystem::path> files() const;  // everything that is read
  // Of the checkpoints among them, see Checkpoint.
  std::vector<std::filesystem::path> files_without_data() const;

  // Bytes to read for one tensor of the base and all experts.
  uint64_t bytes(const std::string& name) const;

  // The ranks of all updates of rows of a matrix, added up; nothing where one is not of low rank.
  std::optional<int64_t> total_rank(const std::string& name, int64_t first, int64_t rows) const;

  // Rows [first, first + rows) along dimension 0 of one floating tensor; a scalar is one row.
  struct Loaded {
    at::Tensor base;                  // [rows, ...] in the compute dtype
    std::vector<Update> updates;      // T, in task order; dense ones in the compute dtype
    std::vector<std::string> hashes;  // T + 1, of the stored bytes: the base's, then the experts'
  };

  // What load_rows() does beside its work. Each costs a pass over the entries.
  struct Extras {
    bool hashes = true;     // else `hashes` stays empty
    bool check = true;      // that all values are finite; a file need not be asked twice
    bool low_rank = false;  // updates of adapters as factors, where the tensor is a matrix
  };

  // Reads the base's and every expert's rows: T + 1 pieces in memory, never T models. Updates are
  // formed in `dtype` (fp32 or fp64), so halves are widened before the subtraction. Throws
  // Error(kInput) if a value is NaN or Inf, naming tensor, task and how many.
  Loaded load_rows(const std::string& name, int64_t first, int64_t rows, at::ScalarType dtype,
                   const Extras& extras) const;

  // All rows.
  Loaded load(const std::string& name, at::ScalarType dtype) const;

  // True if every expert has the base's values. Reads by blocks and stops at the first difference.
  bool is_unchanged(const std::string& name) const;

  // Asks the system to read the tensor of all files soon.
  void will_need(const std::string& name) const;

  // Throws Error(kInput) if the experts' values of a tensor that is not floating differ from the
  // base's.
  void require_equal(const std::string& name) const;

 private:
  std::vector<std::string> tasks_;
  std::unique_ptr<Checkpoint> base_;
  std::vector<std::unique_ptr<ExpertFile>> experts_;
  bool has_adapters_ = false;
};

}  // namespace isomerge
