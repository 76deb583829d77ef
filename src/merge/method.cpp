#include "merge/method.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/tsv_m.h"

namespace isomerge {
namespace {

NullSpace null_space_of(const Options& options) {
  return std::get<std::string>(options.at("null")) == "fill" ? NullSpace::kFill : NullSpace::kZero;
}

Merged mean_rule(const std::vector<Update>& updates) { return {mean_of_updates(updates)}; }
Merged sum_rule(const std::vector<Update>& updates) { return {sum_of_updates(updates)}; }

// The SVD family: matrices by the rule, all other tensors by their mean.
Rules per_matrix(Rule matrix) { return {with_second_look(std::move(matrix)), mean_rule}; }

Rules average_rules(const Options&) { return {{}, mean_rule}; }

Rules task_arithmetic_rules(const Options&) { return {{}, sum_rule}; }

Rules tsv_m_rules(const Options& options) {
  return per_matrix([null_space = null_space_of(options)](const std::vector<Update>& updates) {
    return merge_tsv_m(updates, null_space);
  });
}

Rules iso_c_rules(const Options& options) {
  return per_matrix([null_space = null_space_of(options)](const std::vector<Update>& updates) {
    return merge_iso_c(updates, null_space);
  });
}

Rules iso_cts_rules(const Options& options) {
  const IsoCtsOptions resolved{std::get<double>(options.at("common_fraction")),
                               null_space_of(options)};
  return per_matrix(
      [resolved](const std::vector<Update>& updates) { return merge_iso_cts(updates, resolved); });
}

}  // namespace

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {{"average", average_rules},
                                          {"task_arithmetic", task_arithmetic_rules},
                                          {"tsv_m", tsv_m_rules},
                                          {"iso_c", iso_c_rules},
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
