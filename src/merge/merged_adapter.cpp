#include "merge/merged_adapter.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "merge/merge_files.h"
#include "merge/merged_file.h"
#include "task/entries.h"

namespace isomerge {

MergedAdapter::MergedAdapter(const Recipe& recipe, const Updates& updates)
    : recipe_(recipe), alpha_(resolved_alpha(recipe)) {
  options_.base = last_part(recipe.base);
  options_.tensors = updates.tensors();
  options_.metadata = output_metadata(recipe, alpha_);
  options_.card = model_card(recipe, alpha_);
  options_.dtype = chosen_dtype(recipe.dtype).value_or(at::kFloat);
}

void MergedAdapter::write(const MergedPiece& part) {
  const Piece& piece = part.piece;
  if (piece.role == Role::kCopied) return;
  const std::string& name = piece.info.name;
  if (piece.info.shape.size() != 2 || !is_adapter_weight(name)) {
    const bool is_known = !others_.empty() && others_.back() == name;
    if (!is_known && !all_zero(part.update.contiguous())) others_.push_back(name);
    return;
  }
  if (piece.is_whole()) return take_matrix(name, part.update, part.factors);
  if (piece.is_first()) whole_ = at::empty(piece.info.shape, part.update.options());
  whole_.narrow(0, piece.first, piece.rows).copy_(part.update);
  if (piece.first + piece.rows == row_count(piece.info)) {
    take_matrix(name, std::exchange(whole_, at::Tensor()), {});
  }
}

void MergedAdapter::take_matrix(const std::string& name, const at::Tensor& update,
                                const LowRank& factors) {
  if (alpha_ == 0.0 || all_zero(update.contiguous())) {
    ++summary_.unchanged;
    return;
  }
  Extracted found;
  if (factors.b.defined()) {
    const int64_t rank = std::min(recipe_.adapter_rank, factors.a.size(0));
    found = extract_rank(name, {factors.b.mul(alpha_), factors.a}, rank, options_.dtype);
  } else {
    const int64_t rank = std::min({recipe_.adapter_rank, update.size(0), update.size(1)});
    const Route route = update.scalar_type() == at::kDouble ? Route::kLapack : Route::kGram;
    found = extract_rank(name, update.mul(alpha_), rank, options_.dtype, route);
  }
  summary_.matrices.push_back(found.matrix);
  weights_.push_back(std::move(found.factors));
}

void MergedAdapter::set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary) {
  set_hash_metadata(tasks, summary, &options_.metadata);
}

void MergedAdapter::commit() {
  if (!others_.empty()) {
    throw input_error(fmt::format(
        "{}: an adapter holds matrices named \"<module>.weight\"; the merge changes {} other "
        "tensors: {}. --exclude leaves them as in the base",
        recipe_.out.string(), others_.size(), join(others_, ", ")));
  }
  if (weights_.empty()) {
    throw input_error(fmt::format("{}: the merge changes no matrix", recipe_.out.string()));
  }
  options_.metadata["isomerge.relative_error"] = number_text(summary_.total_error());
  write_adapter(recipe_.out, weights_, options_);
}

}  // namespace isomerge
