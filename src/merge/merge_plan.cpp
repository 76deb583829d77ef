#include "merge/merge_plan.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/memory.h"
#include "base/text.h"
#include "config/method_info.h"
#include "merge/machine_speed.h"
#include "merge/method.h"
#include "merge/pieces.h"
#include "merge/scan_pass.h"

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

void widen(RankRange* range, int64_t rank, bool is_first) {
  range->least = is_first ? rank : std::min(range->least, rank);
  range->most = std::max(range->most, rank);
}

int64_t short_side(const Piece& piece) {
  return piece.is_vector ? 1 : std::min(piece.rows, piece.info.shape[1]);
}

// Of the matrix rules of all points; what they share is done for the one that needs most of it.
double matrix_seconds(const Piece& piece, const std::vector<MergePoint>& points,
                      const MachineSpeed& speed, PlannedTensor* tensor) {
  double own = 0.0, shared = 0.0;
  bool is_first = true;
  for (const MergePoint& point : points) {
    if (!is_for_matrix_rule(piece, point.rules)) continue;
    const MatrixCost cost = cost_of(piece, point);
    widen(&tensor->common, cost.common, is_first);
    widen(&tensor->per_task, cost.per_task, is_first);
    is_first = false;
    const int64_t r = piece.low_rank > 0 ? piece.low_rank : short_side(piece);
    const auto seconds = [&](double products, double eigen) {
      return products * speed.product.at(r) + eigen * speed.eigen.at(r);
    };
    shared = std::max(shared, seconds(cost.shared_products, cost.shared_eigen));
    own += seconds(cost.products - cost.shared_products, cost.eigen - cost.shared_eigen);
    // What is copied, widened and put together is about what is held beside the updates.
    own += static_cast<double>(cost.workspace) / sizeof(double) * speed.storing.at(piece.entries());
  }
  return own + shared;
}

struct Work {
  double scan = 0.0;   // seconds of a thread, before anything is merged
  double merge = 0.0;  // likewise
  double store = 0.0;  // of the one thread that writes
};

// Pieces go in turn to the thread that is free first.
double span_of(const std::vector<double>& seconds, int threads) {
  std::vector<double> busy(static_cast<size_t>(threads), 0.0);
  for (const double one : seconds) *std::min_element(busy.begin(), busy.end()) += one;
  return *std::max_element(busy.begin(), busy.end());
}

double span_of(const std::vector<Work>& works, int threads) {
  std::vector<double> scans, merges;
  double stored = 0.0;
  for (const Work& work : works) {
    scans.push_back(work.scan);
    merges.push_back(work.merge);
    stored += work.store;
  }
  return span_of(scans, threads) + span_of(merges, threads) + stored;
}

// What a piece takes.
class WorkOf {
 public:
  WorkOf(const Updates& updates, const std::vector<MergePoint>& points, int passes,
         const Recipe& recipe, const MergeResources& resources)
      : points_(points),
        passes_(passes),
        tasks_(static_cast<double>(updates.tasks().size())),
        outputs_(points.size()),
        speed_(measure_speed(resources.threads, stored_dtype(updates),
                             compute_dtype(recipe.precision))) {
    if (recipe.statistics.empty() && recipe.masks.empty()) {
      rules_ = measure_rules(points, updates.tasks(), compute_dtype(recipe.precision));
    }
  }

  Work operator()(const Piece& piece, PlannedTensor* tensor) const {
    Work work;
    const auto entries = static_cast<double>(piece.entries());
    const double load = entries * (tasks_ + 1) * speed_.loading.at(piece.entries());
    work.merge = load;
    work.store = entries * static_cast<double>(outputs_) * speed_.storing.at(piece.entries());
    if (piece.role == Role::kCopied || piece.role == Role::kExcluded) return work;
    const double matrix = matrix_seconds(piece, points_, speed_, tensor);
    work.scan = (passes_ - 1) * load + entries * rules_.scanning;
    work.merge += matrix > 0.0 ? matrix : entries * rules_.merging;
    return work;
  }

 private:
  // Of the largest tensor.
  static at::ScalarType stored_dtype(const Updates& updates) {
    const auto largest = std::max_element(
        updates.tensors().begin(), updates.tensors().end(),
        [](const TensorInfo& a, const TensorInfo& b) { return a.bytes() < b.bytes(); });
    const bool is_usable = largest != updates.tensors().end() && is_floating(largest->dtype);
    return is_usable ? largest->dtype : at::kFloat;
  }

  const std::vector<MergePoint>& points_;
  const int passes_;
  const double tasks_;
  const size_t outputs_;
  const MachineSpeed speed_;
  ElementwiseSpeed rules_;
};

uint64_t bytes_of(const Updates& updates) {
  uint64_t bytes = 0;
  for (const TensorInfo& info : updates.tensors()) bytes += updates.bytes(info.name);
  return bytes;
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
  const Updates updates(first.base, experts, TensorData::kMayBeMissing);
  const std::vector<MergePoint> points = recipe_points(recipes, updates).points;
  const RoleRules roles{first.exclude, first.average, first.split_attention};
  roles.require_matches(updates.tensors());
  const at::ScalarType dtype = compute_dtype(first.precision);
  const auto tasks = static_cast<int64_t>(experts.size());

  MergePlan plan;
  for (const MergePoint& point : points) {
    scanning_rule(point.rules).prepare(updates.tasks(), dtype);
    plan.passes = std::max(plan.passes, scanning_rule(point.rules).scans() + 1);
  }
  const WorkOf work_of(updates, points, plan.passes, first, resources);
  plan.files_without_data = updates.files_without_data();
  plan.is_compared = plan.files_without_data.empty() && bytes_of(updates) <= kMostCompared;
  std::vector<uint64_t> pieces, results;
  std::vector<Work> works;
  for (const Piece& piece : plan.is_compared
                                ? cut_into_pieces(updates, points, roles, resources.threads)
                                : cut_by_headers(updates, points, roles)) {
    pieces.push_back(memory_of(piece, points, tasks, dtype));
    results.push_back(result_memory_of(piece, points.size(), dtype));
    if (piece.is_first()) {
      PlannedTensor tensor{piece.info, role_text(piece.role), reason_of(roles, piece.info)};
      tensor.is_unchanged = piece.is_unchanged;
      tensor.bytes = updates.bytes(piece.info.name);
      plan.bytes += tensor.bytes;
      plan.tensors.push_back(std::move(tensor));
    }
    PlannedTensor& tensor = plan.tensors.back();
    tensor.memory = std::max(tensor.memory, pieces.back());
    if (tensor.memory > plan.tensors[plan.largest].memory) plan.largest = plan.tensors.size() - 1;
    const Work& work = works.emplace_back(work_of(piece, &tensor));
    tensor.seconds += work.scan + work.merge + work.store;
  }
  plan.seconds = span_of(works, resources.threads);
  plan.memory = resident_memory() + kProgramOverhead +
                peak_memory(pieces, results, static_cast<size_t>(resources.threads));
  if (resources.max_memory > 0) plan.memory = std::min(plan.memory, resources.max_memory);
  return plan;
}

}  // namespace isomerge
