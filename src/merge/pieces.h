// merge/pieces.h -- how a merge is cut up: matrices whole, everything else by blocks of rows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "merge/rule.h"
#include "task/updates.h"

namespace isomerge {

struct Piece {
  TensorInfo info;  // of the whole tensor
  Role role = Role::kOther;
  bool is_unchanged = false;  // no expert differs from the base; found out for matrices only
  int64_t first = 0, rows = 0;
  bool is_vector = false;  // RoleRules::is_vector()
  // Ranks of all updates together where those of a matrix are all of low rank and this is less than
  // its own; else 0.
  int64_t low_rank = 0;

  bool is_whole() const { return rows == row_count(info); }
  bool is_first() const { return first == 0; }
  int64_t entries() const;  // of this piece
};

// The pieces of all tensors in file order. A matrix, or vector, that some matrix rule will see is
// one piece, three where packed attention is split, unless no expert changed it: such a one (a
// token embedding of many million entries, say) goes by blocks like everything else. Cost: reads
// the unchanged matrices once, of others one block.
std::vector<Piece> cut_into_pieces(const Updates& updates, const std::vector<MergePoint>& points,
                                   const RoleRules& roles, int threads);

// The same from the files' headers alone: every matrix counts as changed.
std::vector<Piece> cut_by_headers(const Updates& updates, const std::vector<MergePoint>& points,
                                  const RoleRules& roles);

// True if the rule for matrices, or for their coordinates, sees this piece.
bool is_for_matrix_rule(const Piece& piece, const Rules& rules);

// What LibTorch's libraries take for themselves once they work, in bytes.
inline constexpr uint64_t kProgramOverhead = uint64_t{64} << 20;

// What the point's matrix rule, which has to see the piece, will need for it.
MatrixCost cost_of(const Piece& piece, const MergePoint& point);

// What the common spaces of all points have at least of a matrix; nothing where none has one.
std::optional<int64_t> least_common(const Piece& piece, const std::vector<MergePoint>& points);

// Bytes of the piece's base and its merged updates, one per point.
uint64_t result_memory_of(const Piece& piece, size_t points, at::ScalarType dtype);

// Bytes that are held while the piece is computed and its results wait. tasks: all that are loaded.
uint64_t memory_of(const Piece& piece, const std::vector<MergePoint>& points, int64_t tasks,
                   at::ScalarType dtype);

}  // namespace isomerge
