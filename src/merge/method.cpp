#include "merge/method.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "merge/consensus.h"
#include "merge/dare.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/ties.h"
#include "merge/tsv_m.h"

namespace isomerge {
namespace {

NullSpace null_space_of(const Options& options) {
  return std::get<std::string>(options.at("null")) == "fill" ? NullSpace::kFill : NullSpace::kZero;
}

// The SVD family: matrices by the rule, all other tensors by their mean. Vectors of null directions
// are LAPACK's to choose.
template <typename Rule, typename Cost>
Rules per_matrix(NullSpace null_space, Rule rule, Cost cost) {
  const MatrixRule matrix =
      null_space == NullSpace::kFill
          ? MatrixRule([rule](const Factors& factors) { return rule(factors.by_lapack()); })
          : MatrixRule(rule);
  return {mean_rule(), matrix, cost};
}

Rules average_rules(const Options&) { return {mean_rule()}; }

Rules task_arithmetic_rules(const Options&) { return {sum_rule()}; }

TiesOptions ties_options(const Options& options) {
  return {std::get<double>(options.at("keep")),
          std::get<std::string>(options.at("trim")) == "tensor",
          std::get<std::string>(options.at("merge")) == "mean"};
}

Rules ties_rules(const Options& options) { return {ties_rule(ties_options(options))}; }

Rules dare_ties_rules(const Options& options) {
  const auto seed = static_cast<uint64_t>(std::get<int64_t>(options.at("seed")));
  return {
      ties_rule(ties_options(options), dare_change(std::get<double>(options.at("drop")), seed))};
}

Rules tall_mask_rules(const Options& options) {
  return {tall_mask_rule(std::get<double>(options.at("lambda")),
                         std::get<std::string>(options.at("task")))};
}

Rules consensus_ta_rules(const Options& options) {
  const auto& named = std::get<std::string>(options.at("lambdas"));
  return {consensus_rule({std::get<double>(options.at("lambda")),
                          named.empty() ? std::map<std::string, double>{} : parse_lambdas(named)},
                         std::get<int64_t>(options.at("min_tasks")))};
}

Rules tsv_m_rules(const Options& options) {
  const NullSpace null_space = null_space_of(options);
  return per_matrix(
      null_space, [=](Factors factors) { return merge_tsv_m(std::move(factors), null_space); },
      tsv_m_cost);
}

Rules iso_c_rules(const Options& options) {
  const IsoCOptions resolved{std::get<double>(options.at("beta")),
                             std::get<double>(options.at("kept_fraction")), null_space_of(options)};
  return per_matrix(
      resolved.null_space,
      [=](Factors factors) { return merge_iso_c(std::move(factors), resolved); }, iso_c_cost);
}

Rules iso_cts_rules(const Options& options) {
  const IsoCtsOptions resolved{std::get<double>(options.at("common_fraction")),
                               std::get<bool>(options.at("isotropic")), null_space_of(options)};
  return per_matrix(
      resolved.null_space,
      [=](Factors factors) { return merge_iso_cts(std::move(factors), resolved); },
      [=](int64_t m, int64_t n, int64_t tasks) {
        return iso_cts_cost(m, n, tasks, resolved.common_fraction);
      });
}

}  // namespace

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {
      {"average", average_rules},     {"task_arithmetic", task_arithmetic_rules},
      {"ties", ties_rules},           {"dare_ties", dare_ties_rules},
      {"tall_mask", tall_mask_rules}, {"consensus_ta", consensus_ta_rules},
      {"tsv_m", tsv_m_rules},         {"iso_c", iso_c_rules},
      {"iso_cts", iso_cts_rules}};
  return all;
}

const Method& require_method(const std::string& name) {
  std::vector<std::string> known;
  for (const Method& method : methods()) {
    if (method.name == name) return method;
    known.push_back(method.name);
  }
  throw input_error(fmt::format("\"{}\" is not a method that merges{}; known: {}", name,
                                nearest_hint(name, known), join(known, ", ")));
}

}  // namespace isomerge
