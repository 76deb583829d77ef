#include "analysis/rank_choice.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "analysis/spectrum.h"
#include "base/text.h"

namespace isomerge {
namespace {

// Energy of the singular values from k on, k = 0 ... r; added up from the small end, so that a
// small rest is exact.
std::vector<double> rests(const at::Tensor& s) {
  const auto value = s.accessor<double, 1>();
  std::vector<double> rest(static_cast<size_t>(s.numel()) + 1, 0.0);
  for (int64_t i = s.numel() - 1; i >= 0; --i) {
    rest[static_cast<size_t>(i)] = rest[static_cast<size_t>(i) + 1] + value[i] * value[i];
  }
  return rest;
}

int64_t first_rank(const std::vector<double>& rest, const auto& is_enough) {
  const auto found = std::find_if(rest.begin(), rest.end(), is_enough);
  return std::min<int64_t>(found - rest.begin(), static_cast<int64_t>(rest.size()) - 1);
}

int64_t energy_rank(const EnergyRule& rule, const at::Tensor& s) {
  const std::vector<double> rest = rests(interpolated_spectrum(s, rule.beta));
  const double total = rest.front();
  if (total == 0.0) return 0;
  if (rule.rule == RankRule::kPaper) {
    const double allowed = rule.epsilon * rule.epsilon * total;
    return first_rank(rest, [&](double left) { return left <= allowed; });
  }
  const double wanted = 1.0 - rule.epsilon;
  const int64_t k =
      first_rank(rest, [&](double left) { return std::sqrt((total - left) / total) > wanted; });
  return rule.off_by_one ? std::max<int64_t>(k - 1, 0) : k;
}

}  // namespace

int64_t chosen_rank(const RankChoice& choice, const at::Tensor& s) {
  const int64_t r = s.numel();
  if (const auto* count = std::get_if<RankCount>(&choice)) return std::min(count->k, r);
  if (const auto* fraction = std::get_if<RankFraction>(&choice)) {
    return std::clamp<int64_t>(std::llround(fraction->of_r * static_cast<double>(r)), 0, r);
  }
  return energy_rank(std::get<EnergyRule>(choice), s);
}

std::string rank_text(const RankChoice& choice) {
  if (const auto* count = std::get_if<RankCount>(&choice)) return fmt::format("k = {}", count->k);
  if (const auto* fraction = std::get_if<RankFraction>(&choice)) {
    return fmt::format("k = {} r", number_text(fraction->of_r));
  }
  const auto& rule = std::get<EnergyRule>(choice);
  std::string text = fmt::format("{}, epsilon {}", rule.rule == RankRule::kPaper ? "paper" : "code",
                                 number_text(rule.epsilon));
  if (rule.off_by_one) text += ", off by one";
  if (rule.beta != 0.0) text += ", beta " + number_text(rule.beta);
  return text;
}

}  // namespace isomerge
