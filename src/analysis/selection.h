// analysis/selection.h -- which tensors an analysis looks at, and how they are grouped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// Globs over whole names.
struct Selection {
  std::vector<std::string> include;  // only these; empty: all
  std::vector<std::string> exclude;  // but not these
};

// In file order: those that merging takes for matrices (task/updates.h, RoleRules), or all floating
// ones. Throws Error(kInput) if a glob fits no tensor, or if nothing is left.
std::vector<TensorInfo> selected_matrices(const std::vector<TensorInfo>& tensors,
                                          const Selection& selection);
std::vector<TensorInfo> selected_floating(const std::vector<TensorInfo>& tensors,
                                          const Selection& selection);

// What values of single tensors are brought together.
enum class Grouping {
  kMatrix,  // each tensor alone
  kLayer,   // the tensors of one block: same name up to its first number
  kModule,  // one tensor of all blocks: same name after its first number
  kModel    // all of them
};

// The group that a tensor belongs to. Of "visual.transformer.resblocks.3.attn.out_proj.weight" the
// layer is "visual.transformer.resblocks.3", the module "attn.out_proj.weight". A name without a
// number (its parts between dots) is a layer and a module of its own. kModel: "model".
std::string group_of(const std::string& name, Grouping grouping);

// By name, but numbers by their value: block 2 comes before block 10.
struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};

// Values of one tensor; nothing where one is not defined.
using Values = std::vector<std::optional<double>>;
struct TensorValues {
  std::string name;
  Values values;
};

// Of every group in natural order, entry by entry, the mean over its tensors that have the value.
struct GroupMean {
  std::string group;
  int64_t tensors = 0;
  Values values;
};
std::vector<GroupMean> group_means(const std::vector<TensorValues>& tensors, Grouping grouping);

}  // namespace isomerge
