// analysis/rank_choice.h -- how many leading directions of a matrix count as its subspace.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include <ATen/core/Tensor.h>

namespace isomerge {

// The two rules that are in use for k_M of SAR (arXiv:2502.04959). They differ much: with epsilon
// 0.05 the first keeps 99.75 % of the energy, the second 90.25 %.
enum class RankRule {
  kPaper,  // Eq. 6: smallest k with |D - D_k|_F <= epsilon |D|_F, D_k the k leading triplets of D
  kCode    // the public script: smallest k with |D_k|_F > (1 - epsilon) |D|_F
};

// A rule, asked of the spectrum itself or of its interpolation (analysis/spectrum.h).
struct EnergyRule {
  RankRule rule = RankRule::kPaper;
  double epsilon = 0.05;    // in [0, 1)
  bool off_by_one = false;  // kCode: one direction fewer. The script takes the index, counted from
                            // 0, of the direction that crosses the threshold for the count.
  double beta = 0.0;        // in [0, 1]
};
struct RankCount {  // the same k for every matrix, at most its r
  int64_t k = 0;
};
struct RankFraction {  // the nearest whole number to this share of r
  double of_r = 1.0;
};
using RankChoice = std::variant<EnergyRule, RankCount, RankFraction>;

// k in 0 ... r for singular values s [r], descending, fp64: all of them. A spectrum of zeros has an
// energy rank of 0. Cost: r.
int64_t chosen_rank(const RankChoice& choice, const at::Tensor& s);

// "paper, epsilon 0.05", "code, epsilon 0.05, off by one, beta 0.5", "k = 64", "k = 0.25 r".
std::string rank_text(const RankChoice& choice);

}  // namespace isomerge
