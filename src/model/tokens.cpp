#include "model/tokens.h"

#include <algorithm>

#include <ATen/ops/zeros.h>

namespace isomerge {
namespace {

int64_t longest(const std::vector<TokenRow>& rows) {
  size_t most = 1;
  for (const TokenRow& row : rows) most = std::max(most, row.size());
  return static_cast<int64_t>(most);
}

void put(const TokenRow& row, int64_t at, const Tokens& out) {
  std::copy(row.begin(), row.end(), out.ids.mutable_data_ptr<int64_t>() + at);
  std::fill_n(out.mask.mutable_data_ptr<int64_t>() + at, row.size(), int64_t{1});
}

Tokens filling(at::IntArrayRef shape) {
  return {at::zeros(shape, at::kLong), at::zeros(shape, at::kLong)};
}

}  // namespace

Tokens pad_rows(const std::vector<TokenRow>& rows) {
  const int64_t length = longest(rows);
  const Tokens out = filling({static_cast<int64_t>(rows.size()), length});
  for (size_t i = 0; i < rows.size(); ++i) put(rows[i], static_cast<int64_t>(i) * length, out);
  return out;
}

Tokens pad_choices(const std::vector<std::vector<TokenRow>>& examples) {
  int64_t length = 1, choices = 1;
  for (const auto& rows : examples) {
    length = std::max(length, longest(rows));
    choices = std::max(choices, static_cast<int64_t>(rows.size()));
  }
  const Tokens out = filling({static_cast<int64_t>(examples.size()), choices, length});
  int64_t first = 0;  // row of an example's first choice
  for (const auto& rows : examples) {
    for (size_t c = 0; c < rows.size(); ++c) {
      put(rows[c], (first + static_cast<int64_t>(c)) * length, out);
    }
    first += choices;
  }
  return out;
}

}  // namespace isomerge
