#include "merge/pieces.h"

#include <utility>

#include "base/interrupt.h"
#include "base/parallel.h"

namespace isomerge {

int64_t Piece::entries() const {
  const int64_t all = row_count(info);
  return all == 0 ? 0 : info.elements() / all * rows;
}

bool is_for_matrix_rule(const Piece& piece, const Rules& rules) {
  return piece.role == Role::kMatrix && rules.matrix && !piece.is_unchanged &&
         (!rules.takes || rules.takes(piece.info.name));
}

std::vector<Piece> cut_into_pieces(const Updates& updates, const Rules& rules,
                                   const RoleRules& roles, int threads) {
  std::vector<Piece> pieces;
  ordered_parallel(
      updates.tensors().size(), threads,
      [&](size_t i) {
        throw_if_interrupted();
        const TensorInfo& info = updates.tensors()[i];
        Piece piece{info, roles.role_of(info), false, 0, row_count(info)};
        piece.is_unchanged = is_for_matrix_rule(piece, rules) && updates.is_unchanged(info.name);
        return piece;
      },
      [&](size_t, Piece piece) {
        if (is_for_matrix_rule(piece, rules) || piece.role == Role::kCopied) {
          const int64_t parts = is_for_matrix_rule(piece, rules) ? roles.parts_of(piece.info) : 1;
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

uint64_t memory_of(const Piece& piece, const Rules& rules, int64_t tasks, at::ScalarType dtype) {
  const auto element = static_cast<uint64_t>(c10::elementSize(dtype));
  const auto entries = static_cast<uint64_t>(piece.entries());
  const uint64_t held = entries * element * static_cast<uint64_t>(tasks + 3);
  if (!is_for_matrix_rule(piece, rules) || piece.info.elements() == 0) return held;
  return held + rules.matrix_cost(piece.rows, piece.info.shape[1], tasks).workspace;
}

}  // namespace isomerge
