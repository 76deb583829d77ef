#include "merge/merge_plan.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <fmt/format.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/method_info.h"
#include "linalg/eigen.h"
#include "linalg/product.h"
#include "merge/method.h"
#include "merge/pieces.h"

namespace isomerge {
namespace {

std::string matching_glob(const std::vector<std::string>& globs, const std::string& name) {
  const auto found = std::find_if(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob_matches(glob, name);
  });
  return found == globs.end() ? "" : *found;
}

std::string reason_of(const RoleRules& roles, const TensorInfo& info) {
  const std::string averaged = matching_glob(roles.average, info.name);
  switch (roles.role_of(info)) {
    case Role::kMatrix:
      return roles.parts_of(info) > 1 ? "2-D, q, k and v apart" : "2-D";
    case Role::kExcluded:
      return "--exclude " + matching_glob(roles.exclude, info.name);
    case Role::kCopied:
      return dtype_text(info.dtype);
    case Role::kOther:
      break;
  }
  if (info.shape.size() != 2) return fmt::format("{}-D", info.shape.size());
  return averaged.empty() ? "name contains text_projection" : "--average " + averaged;
}

// Seconds per unit of work on one thread, measured on small problems.
struct Speed {
  double per_product_flop = 0.0;
  double per_eigen_cube = 0.0;                   // of r^3
  static constexpr double kPerByte = 1.0 / 2e9;  // read, subtracted and added; from memory
};

template <typename Work>
double seconds_of(const Work& work) {
  work();  // the first time loads code and buffers
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Speed measure_speed() {
  constexpr int64_t kSize = 384;
  constexpr double kCube = static_cast<double>(kSize * kSize * kSize);
  at::set_num_threads(1);
  const at::Tensor a = at::rand({kSize, kSize}, at::kDouble);
  const at::Tensor g = gram_of_rows(a);
  return {seconds_of([&] { multiply(a, a); }) / (2 * kCube),
          seconds_of([&] { all_eigenpairs(g); }) / kCube};
}

void widen(RankRange* range, int64_t rank, bool is_first) {
  range->least = is_first ? rank : std::min(range->least, rank);
  range->most = std::max(range->most, rank);
}

// All points together; what they share is done for the one that needs most of it.
void add_matrix_work(const Piece& piece, const std::vector<MergePoint>& points, const Speed& speed,
                     PlannedTensor* tensor) {
  double shared = 0.0;
  bool is_first = true;
  for (const MergePoint& point : points) {
    if (!is_for_matrix_rule(piece, point.rules)) continue;
    const MatrixCost cost = cost_of(piece, point);
    widen(&tensor->common, cost.common, is_first);
    widen(&tensor->per_task, cost.per_task, is_first);
    is_first = false;
    const auto seconds = [&](double products, double eigen) {
      return products * speed.per_product_flop + eigen * speed.per_eigen_cube;
    };
    shared = std::max(shared, seconds(cost.shared_products, cost.shared_eigen));
    tensor->seconds +=
        seconds(cost.products - cost.shared_products, cost.eigen - cost.shared_eigen);
  }
  tensor->seconds += shared;
}

// The largest pieces that can be in work at once, and as many results that wait.
uint64_t peak_memory(const std::vector<uint64_t>& pieces, const std::vector<uint64_t>& results,
                     size_t threads) {
  const auto largest = [&](std::vector<uint64_t> sizes) {
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.resize(std::min(sizes.size(), threads));
    return std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  };
  return largest(pieces) + largest(results);
}

}  // namespace

MergePlan plan_merge(const std::vector<Recipe>& recipes, const MergeResources& resources) {
  const Recipe& first = recipes.front();
  std::vector<Expert> experts;
  for (const auto& [task, path] : first.experts) experts.push_back({task, path});
  const Updates updates(first.base, experts);
  const std::vector<MergePoint> points = recipe_points(recipes, updates).points;
  const RoleRules roles{first.exclude, first.average, first.split_attention};
  roles.require_matches(updates.tensors());
  const at::ScalarType dtype = compute_dtype(first.precision);
  const auto tasks = static_cast<int64_t>(experts.size());
  const Speed speed = measure_speed();

  MergePlan plan;
  for (const MergePoint& point : points) {
    point.rules.other->prepare(updates.tasks(), dtype);
    plan.passes = std::max(plan.passes, point.rules.other->scans() + 1);
  }
  std::vector<uint64_t> pieces, results;
  for (const Piece& piece : cut_into_pieces(updates, points, roles, resources.threads)) {
    const uint64_t memory = memory_of(piece, points, tasks, dtype);
    pieces.push_back(memory);
    results.push_back(result_memory_of(piece, points.size(), dtype));
    if (piece.is_first()) {
      PlannedTensor tensor{piece.info, role_text(piece.role), reason_of(roles, piece.info)};
      tensor.is_unchanged = piece.is_unchanged;
      tensor.bytes = updates.bytes(piece.info.name);
      tensor.seconds = static_cast<double>(tensor.bytes) * plan.passes * Speed::kPerByte;
      plan.bytes += tensor.bytes;
      plan.seconds += tensor.seconds / resources.threads;
      plan.tensors.push_back(std::move(tensor));
    }
    PlannedTensor& tensor = plan.tensors.back();
    tensor.memory = std::max(tensor.memory, memory);
    const double before = tensor.seconds;
    add_matrix_work(piece, points, speed, &tensor);
    plan.seconds += (tensor.seconds - before) / resources.threads;
  }
  plan.memory = resident_memory() + kProgramOverhead +
                peak_memory(pieces, results, static_cast<size_t>(resources.threads));
  if (resources.max_memory > 0) plan.memory = std::min(plan.memory, resources.max_memory);
  return plan;
}

}  // namespace isomerge
