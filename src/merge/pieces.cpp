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

std::vector<Piece> cut_into_pieces(const Updates& updates, const std::vector<MergePoint>& points,
                                   const RoleRules& roles, int threads) {
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
        piece.is_unchanged = is_for_some_rule(piece) && updates.is_unchanged(info.name);
        return piece;
      },
      [&](size_t, Piece piece) {
        if (is_for_some_rule(piece) || piece.role == Role::kCopied) {
          const int64_t parts = is_for_some_rule(piece) ? roles.parts_of(piece.info) : 1;
          piece.rows /= parts;
          for (int64_t part = 0; part < parts; ++part) {
            piece.first = part * piece.rows;
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

MatrixCost cost_of(const Piece& piece, const MergePoint& point) {
  return point.rules.matrix_cost(piece.rows, piece.is_vector ? 1 : piece.info.shape[1],
                                 static_cast<int64_t>(point.tasks.size()));
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
  const uint64_t held = entries * c10::elementSize(dtype) * static_cast<uint64_t>(tasks + 1) +
                        result_memory_of(piece, points.size(), dtype);
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
