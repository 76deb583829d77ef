// model/tokens.h -- token sequences of many lengths as one tensor.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace isomerge {

// Sequences of one length: shorter ones are filled up with zeros that `mask` leaves out.
struct Tokens {
  at::Tensor ids;   // int64 [B, S], or [B, C, S] for C choices
  at::Tensor mask;  // int64, the same shape: 1 for a token, 0 for filling
};

using TokenRow = std::vector<int64_t>;

// [rows, length of the longest], at least [.., 1].
Tokens pad_rows(const std::vector<TokenRow>& rows);

// [examples, most choices, length of the longest]; a choice that an example does not have is all
// filling.
Tokens pad_choices(const std::vector<std::vector<TokenRow>>& examples);

}  // namespace isomerge
