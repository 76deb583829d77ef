#include "merge/pieces.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/interrupt.h"
#include "base/parallel.h"

namespace isomerge {
int64_t Piece::entries() const {
  const int64_t all = row_count(info);
  return all == 0 ? 0 : info.elements() / all * rows;
}

bool is_for_matrix_rule(const Piece& piece, const Rules& rules) {
  if (!rules.has_matrix_rule() || piece.is_unchanged) return false;
  if (piece.is_vector) return rules.takes_vector && rules.takes_vector(piece.info.name);
  return piece.role == Role::kMatrix && (!rules.takes || rules.takes(piece.info.name));
}

namespace {

int64_t low_rank_of(const Updates& updates, const Piece& piece) {
  if (piece.role != Role::kMatrix || !updates.has_adapters()) return 0;
  const int64_t rank = updates.total_rank(piece.info.name, piece.first, piece.rows).value_or(0);
  return rank < std::min(piece.rows, piece.info.shape[1]) ? rank : 0;
}

// Of the same merge by cores of order `width`: QR of the factors, and the way back.
MatrixCost core_cost(const MatrixCost& dense, const MatrixCost& core, int64_t m, int64_t n,
                     int64_t width) {
  const auto sides = static_cast<double>(m + n), k = static_cast<double>(width);
  MatrixCost cost = core;
  cost.common = dense.common;
  cost.per_task = dense.per_task;
  cost.products += 4 * sides * k * k + 2 * static_cast<double>(m * n) * k;
  cost.workspace += static_cast<uint64_t>(8 * (4 * sides * k + static_cast<double>(m * n)));
  cost.shared_products = cost.shared_eigen = 0.0;
  cost.shared_bytes = 0;
  return cost;
}

std::vector<Piece> cut(const Updates& updates, const std::vector<MergePoint>& points,
                       const RoleRules& roles, int threads, bool is_compared) {
  const auto is_for_some_rule = [&](const Piece& piece) {
    return std::any_of(points.begin(), points.end(), [&](const MergePoint& point) {
      return is_for_matrix_rule(piece, point.rules);
    });
  };
  std::vector<Piece> pieces;
  ordered_parallel(
      updates.tensors().size(), threads,
      [&](size_t i) {
        throw_if_interrupted();
        const TensorInfo& info = updates.tensors()[i];
        Piece piece{info, roles.role_of(info), false, 0, row_count(info), roles.is_vector(info)};
        piece.is_unchanged =
            is_compared && is_for_some_rule(piece) && updates.is_unchanged(info.name);
        return piece;
      },
      [&](size_t, Piece piece) {
        if (is_for_some_rule(piece) || piece.role == Role::kCopied) {
          const int64_t parts = is_for_some_rule(piece) ? roles.parts_of(piece.info) : 1;
          piece.rows /= parts;
          for (int64_t part = 0; part < parts; ++part) {
            piece.first = part * piece.rows;
            piece.low_rank = low_rank_of(updates, piece);
            pieces.push_back(piece);
          }
          return;
        }
        for (const RowBlock& block : row_blocks(piece.info)) {
          piece.first = block.first;
          piece.rows = block.rows;
          pieces.push_back(piece);
        }
      });
  return pieces;
}

}  // namespace

std::vector<Piece> cut_into_pieces(const Updates& updates, const std::vector<MergePoint>& points,
                                   const RoleRules& roles, int threads) {
  return cut(updates, points, roles, threads, /*is_compared=*/true);
}

std::vector<Piece> cut_by_headers(const Updates& updates, const std::vector<MergePoint>& points,
                                  const RoleRules& roles) {
  return cut(updates, points, roles, /*threads=*/1, /*is_compared=*/false);
}

MatrixCost cost_of(const Piece& piece, const MergePoint& point) {
  const auto tasks = static_cast<int64_t>(point.tasks.size());
  const int64_t columns = piece.is_vector ? 1 : piece.info.shape[1];
  const MatrixCost dense = point.rules.matrix_cost(piece.rows, columns, tasks);
  if (piece.low_rank == 0 || !point.rules.takes_cores) return dense;
  const int64_t width = piece.low_rank;
  return core_cost(dense, point.rules.matrix_cost(width, width, tasks), piece.rows, columns, width);
}

std::optional<int64_t> least_common(const Piece& piece, const std::vector<MergePoint>& points) {
  std::optional<int64_t> least;
  for (const MergePoint& point : points) {
    if (!is_for_matrix_rule(piece, point.rules)) continue;
    const int64_t common = cost_of(piece, point).common;
    if (common > 0) least = std::min(least.value_or(common), common);
  }
  return least;
}

uint64_t result_memory_of(const Piece& piece, size_t points, at::ScalarType dtype) {
  return static_cast<uint64_t>(piece.entries()) * (1 + points) * c10::elementSize(dtype);
}

uint64_t memory_of(const Piece& piece, const std::vector<MergePoint>& points, int64_t tasks,
                   at::ScalarType dtype) {
  const auto entries = static_cast<uint64_t>(piece.entries());
  const bool is_low_rank =
      piece.low_rank > 0 && std::all_of(points.begin(), points.end(), [](const MergePoint& point) {
        return point.rules.takes_low_rank();
      });
  const auto dense = static_cast<uint64_t>(is_low_rank ? 1 : tasks + 1);
  const uint64_t held =
      entries * c10::elementSize(dtype) * dense + result_memory_of(piece, points.size(), dtype);
  if (piece.info.elements() == 0) return held;
  uint64_t workspace = 0;
  std::map<std::vector<size_t>, uint64_t> shared;  // merges of other tasks have other factors
  for (const MergePoint& point : points) {
    if (!is_for_matrix_rule(piece, point.rules)) continue;
    const MatrixCost cost = cost_of(piece, point);
    workspace = std::max(workspace, cost.workspace);
    if (points.size() > 1) shared[point.tasks] = std::max(shared[point.tasks], cost.shared_bytes);
  }
  return std::accumulate(
      shared.begin(), shared.end(), held + workspace,
      [](uint64_t sum, const auto& tasks_and_bytes) { return sum + tasks_and_bytes.second; });
}

}  // namespace isomerge
