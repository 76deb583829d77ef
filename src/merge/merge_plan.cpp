#include "merge/merge_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/method_info.h"
#include "merge/merge_files.h"
#include "merge/method.h"

namespace isomerge {
namespace {

std::string matching_glob(const std::vector<std::string>& globs, const std::string& name) {
  const auto found = std::find_if(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob_matches(glob, name);
  });
  return found == globs.end() ? "" : *found;
}

PlannedTensor plan_tensor(const Updates& updates, const RoleRules& roles, const TensorInfo& info) {
  PlannedTensor planned{info, "", "", updates.bytes(info.name)};
  const std::string averaged = matching_glob(roles.average, info.name);
  switch (roles.role_of(info)) {
    case Role::kMatrix:
      planned.role = "matrix";
      planned.reason = "2-D";
      break;
    case Role::kExcluded:
      planned.role = "excluded";
      planned.reason = "--exclude " + matching_glob(roles.exclude, info.name);
      break;
    case Role::kCopied:
      planned.role = "copied";
      planned.reason = dtype_text(info.dtype);
      break;
    case Role::kOther:
      planned.role = "other";
      planned.reason = info.shape.size() != 2 ? fmt::format("{}-D", info.shape.size())
                       : averaged.empty()     ? "name contains text_projection"
                                              : "--average " + averaged;
      break;
  }
  return planned;
}

}  // namespace

MergePlan plan_merge(const Recipe& recipe, int threads) {
  require_method(recipe.method)
      .rules(resolve_options(require_method_info(recipe.method), recipe.options));
  std::vector<Expert> experts;
  for (const auto& [task, path] : recipe.experts) experts.push_back({task, path});
  const Updates updates(recipe.base, experts);
  const RoleRules roles{recipe.exclude, recipe.average};
  roles.require_matches(updates.tensors());
  MergePlan plan;
  uint64_t largest = 0;
  for (const TensorInfo& info : updates.tensors()) {
    plan.tensors.push_back(plan_tensor(updates, roles, info));
    plan.bytes += plan.tensors.back().bytes;
    largest = std::max(largest, static_cast<uint64_t>(info.elements()));
  }
  const uint64_t element = c10::elementSize(compute_dtype(recipe.precision));
  const auto workers = static_cast<uint64_t>(threads);
  // T updates, the base, the sum and one copy per thread; up to two results per thread wait.
  plan.memory = largest * element * workers * (experts.size() + 3 + 4);
  return plan;
}

}  // namespace isomerge
