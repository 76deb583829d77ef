// checkpoint/statistics.h -- what data-dependent methods need to know of one expert, in files.
//
// FOLDER/<task>.<kind>.safetensors, written by `isomerge statistics`, fp32:
//   fisher   <parameter>        mean over examples of (d log p / d parameter)^2, in its shape
//   input    input/<weight>     mean over rows of x x^T of the linear operations x W^T; matrices
//   that
//                               are applied to the same x share one, which metadata names:
//                               "isomerge.input.<weight>" -> its tensor
//   output   output/<weight>    mean over rows of g g^T, g = d log p / d (x W^T)
//   block_fisher   block_fisher/<parameter>   mean over examples of g g^T, g = d log p / d
//   parameter;
//                               of parameters with one dimension
// Symmetric matrices [n, n] are their lower triangles, row by row: n (n + 1) / 2 entries.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "checkpoint/checkpoint.h"

namespace isomerge {

enum class StatisticsKind { kFisher, kInput, kOutput, kBlockFisher };

std::string kind_text(StatisticsKind kind);  // "fisher", "input", "output", "block_fisher"

std::filesystem::path statistics_path(const std::filesystem::path& folder, const std::string& task,
                                      StatisticsKind kind);

// [n, n] symmetric -> its packed lower triangle, fp32 on the CPU; and the reverse, in `dtype`.
at::Tensor pack_symmetric(const at::Tensor& full);
at::Tensor unpack_symmetric(const at::Tensor& packed, int64_t n, at::ScalarType dtype);

std::string input_key(const std::string& weight);  // of the metadata

// What the numbers were computed from; metadata "isomerge.statistics.<field>".
struct StatisticsOrigin {
  std::string task, kind;
  std::string expert;  // hash of the expert's files
  std::string module;  // hash of the TorchScript file
  std::string data;    // hash of the dataset's file
  std::string split;
  std::string examples;  // how many
  bool operator==(const StatisticsOrigin&) const = default;
};

std::map<std::string, std::string> origin_metadata(const StatisticsOrigin& origin);

// One open file. Reading is thread-safe.
class Statistics {
 public:
  // throws  Error(kInput) naming the file: not there (with the command that makes it), damaged, of
  //         another kind.
  Statistics(const std::filesystem::path& folder, const std::string& task, StatisticsKind kind);

  const StatisticsOrigin& origin() const { return origin_; }
  std::string label() const { return file_.label(); }

  // Entries [first, first + count), in row-major order, of a parameter's Fisher information, in
  // `dtype`. Throws Error(kInput) if there is none of that shape.
  at::Tensor fisher(const TensorInfo& parameter, int64_t first, int64_t count,
                    at::ScalarType dtype) const;

  // Whether a weight, or of kBlockFisher a parameter, has a matrix here.
  bool has_gram(const std::string& weight) const { return find_gram(weight).has_value(); }

  // [n, n] of any kind but kFisher. Throws Error(kInput) if there is none of that size.
  at::Tensor gram(const std::string& weight, int64_t n, at::ScalarType dtype) const;

 private:
  std::optional<std::string> find_gram(const std::string& weight) const;

  StatisticsKind kind_;
  Checkpoint file_;
  StatisticsOrigin origin_;
};

}  // namespace isomerge
