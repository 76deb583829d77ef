#include "merge/method.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "merge/consensus.h"
#include "merge/dare.h"
#include "merge/fisher.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/knots.h"
#include "merge/mats.h"
#include "merge/regmean.h"
#include "merge/ties.h"
#include "merge/tsv_m.h"

namespace isomerge {
namespace {

NullSpace null_space_of(const Options& options) {
  return std::get<std::string>(options.at("null")) == "fill" ? NullSpace::kFill : NullSpace::kZero;
}

MethodRank rank_of(const Options& options) {
  return std::get<std::string>(options.at("r")) == "sum" ? MethodRank::kSum : MethodRank::kShape;
}

// The SVD family: matrices by the rule, all other tensors by their mean. Vectors of null directions
// are LAPACK's to choose.
template <typename Rule, typename Cost>
Rules per_matrix(NullSpace null_space, Rule rule, Cost cost) {
  const MatrixRule matrix = null_space == NullSpace::kFill
                                ? MatrixRule([rule](const Factors& factors, const MatrixPlace&) {
                                    return rule(factors.by_lapack());
                                  })
                                : MatrixRule([rule](Factors factors, const MatrixPlace&) {
                                    return rule(std::move(factors));
                                  });
  return {.other = mean_rule(),
          .matrix = matrix,
          .matrix_cost = cost,
          .takes_cores = null_space == NullSpace::kZero};
}

Rules average_rules(const Options& options, const MethodInputs&) {
  return {mean_rule(std::get<double>(options.at("first_share")))};
}

Rules task_arithmetic_rules(const Options&, const MethodInputs&) { return {sum_rule()}; }

TiesOptions ties_options(const Options& options) {
  return {std::get<double>(options.at("keep")),
          std::get<std::string>(options.at("trim")) == "tensor",
          std::get<std::string>(options.at("merge")) == "mean"};
}

Rules ties_rules(const Options& options, const MethodInputs&) {
  return {ties_rule(ties_options(options))};
}

BlockChange dare_of(const Options& options) {
  return dare_change(std::get<double>(options.at("drop")),
                     static_cast<uint64_t>(std::get<int64_t>(options.at("seed"))));
}

Rules dare_rules(const Options& options, const MethodInputs&) {
  return {sum_rule(dare_of(options))};
}

Rules dare_ties_rules(const Options& options, const MethodInputs&) {
  return {ties_rule(ties_options(options), dare_of(options))};
}

// Matrices in coordinates, all other tensors by their mean.
Rules knots_rules(const Options& options, std::shared_ptr<ElementwiseRule> rule) {
  const double cut = std::get<double>(options.at("cut"));
  return {
      .other = mean_rule(),
      .matrix_cost = knots_cost,
      .coordinates = [=](const std::vector<Update>& updates,
                         at::ScalarType dtype) { return knots_coordinates(updates, cut, dtype); },
      .in_coordinates = std::move(rule)};
}

Rules knots_ties_rules(const Options& options, const MethodInputs&) {
  return knots_rules(options, ties_rule(ties_options(options)));
}

Rules knots_dare_ties_rules(const Options& options, const MethodInputs&) {
  return knots_rules(options, ties_rule(ties_options(options), dare_of(options)));
}

Rules tall_mask_rules(const Options& options, const MethodInputs&) {
  return {tall_mask_rule(std::get<double>(options.at("lambda")),
                         std::get<std::string>(options.at("task")))};
}

Rules consensus_ta_rules(const Options& options, const MethodInputs&) {
  const auto& named = std::get<std::string>(options.at("lambdas"));
  return {consensus_rule({std::get<double>(options.at("lambda")),
                          named.empty() ? std::map<std::string, double>{} : parse_lambdas(named)},
                         std::get<int64_t>(options.at("min_tasks")))};
}

Rules tsv_m_rules(const Options& options, const MethodInputs&) {
  const NullSpace null_space = null_space_of(options);
  return per_matrix(
      null_space, [=](Factors factors) { return merge_tsv_m(std::move(factors), null_space); },
      tsv_m_cost);
}

Rules iso_c_rules(const Options& options, const MethodInputs&) {
  const IsoCOptions resolved{std::get<double>(options.at("beta")),
                             std::get<double>(options.at("kept_fraction")), null_space_of(options),
                             rank_of(options)};
  return per_matrix(
      resolved.null_space,
      [=](Factors factors) { return merge_iso_c(std::move(factors), resolved); }, iso_c_cost);
}

Rules iso_cts_rules(const Options& options, const MethodInputs&) {
  const IsoCtsOptions resolved{std::get<double>(options.at("common_fraction")),
                               std::get<bool>(options.at("isotropic")), null_space_of(options),
                               rank_of(options)};
  return per_matrix(
      resolved.null_space,
      [=](Factors factors) { return merge_iso_cts(std::move(factors), resolved); },
      [=](int64_t m, int64_t n, int64_t tasks) {
        return iso_cts_cost(m, n, tasks, resolved.common_fraction);
      });
}

Rules fisher_rules(const Options& options, const MethodInputs& inputs) {
  return {fisher_rule(inputs.statistics, std::get<double>(options.at("floor")),
                      std::get<double>(options.at("first_share")))};
}

Rules regmean_rules(const Options& options, const MethodInputs& inputs) {
  const double off_diagonal = std::get<double>(options.at("off_diagonal"));
  const auto statistics = inputs.statistics;
  return {.other = mean_rule(),
          .matrix =
              [=](const Factors& factors, const MatrixPlace& place) {
                return merge_regmean(factors,
                                     statistics->grams(StatisticsKind::kInput, place.info.name,
                                                       place.info.shape[1], at::kFloat),
                                     off_diagonal);
              },
          .takes =
              [=](const std::string& name) {
                return statistics->have_grams(StatisticsKind::kInput, name);
              },
          .matrix_cost = regmean_cost};
}

MatsOptions mats_options(const Options& options) {
  const auto& start = std::get<std::string>(options.at("start"));
  return {{std::get<int64_t>(options.at("iterations")),
           std::get<std::string>(options.at("stopping")) == "legacy" ? Stopping::kLegacy
                                                                     : Stopping::kCurrent},
          start == "task_arithmetic" ? MatsStart::kTaskArithmetic
          : start == "average"       ? MatsStart::kAverage
          : start == "base"          ? MatsStart::kBase
                                     : MatsStart::kZero,
          std::get<double>(options.at("start_alpha"))};
}

// What of the statistics weighs one matrix.
MatsMetric mats_metric(const StatisticsSet& statistics, const std::vector<StatisticsKind>& kinds,
                       const MatrixPlace& place, double off_diagonal) {
  const int64_t m = place.base.size(0), n = place.base.size(1);
  const at::ScalarType dtype = place.base.scalar_type();
  MatsMetric metric;
  for (const StatisticsKind kind : kinds) {
    if (kind == StatisticsKind::kFisher) {
      metric.entries = statistics.fisher(place.info, place.first * n, m * n, dtype);
      for (at::Tensor& entries : metric.entries) entries = entries.view({m, n});
    } else if (kind == StatisticsKind::kInput) {
      metric.inputs = statistics.grams(kind, place.info.name, n, dtype);
    } else {
      metric.outputs = statistics.grams(kind, place.info.name, place.info.shape[0], dtype);
      for (at::Tensor& gram : metric.outputs) {
        gram = gram.narrow(0, place.first, m).narrow(1, place.first, m).contiguous();
      }
    }
  }
  for (auto* grams : {&metric.inputs, &metric.outputs}) {
    for (at::Tensor& gram : *grams) gram = scale_off_diagonal(std::move(gram), off_diagonal);
  }
  return metric;
}

Rules mats_rules(const Options& options, const MethodInputs& inputs) {
  const MatsOptions resolved = mats_options(options);
  const double off_diagonal = std::get<double>(options.at("off_diagonal"));
  const auto kinds = statistics_of("mats", options);
  const auto statistics = inputs.statistics;
  return {.other = mean_rule(),
          .matrix =
              [=](const Factors& factors, const MatrixPlace& place) {
                return merge_mats(factors, place.base,
                                  mats_metric(*statistics, kinds, place, off_diagonal), resolved);
              },
          .takes =
              [=](const std::string& name) {
                return std::all_of(kinds.begin(), kinds.end(), [&](StatisticsKind kind) {
                  return kind == StatisticsKind::kFisher || statistics->have_grams(kind, name);
                });
              },
          .takes_vector =
              [=](const std::string& name) {
                return kinds == std::vector{StatisticsKind::kBlockFisher} &&
                       statistics->have_grams(StatisticsKind::kBlockFisher, name);
              },
          .matrix_cost =
              [=](int64_t m, int64_t n, int64_t tasks) {
                return mats_cost(m, n, tasks, resolved.solver.iterations);
              }};
}

}  // namespace

std::vector<StatisticsKind> statistics_of(const std::string& method, const Options& options) {
  if (method == "fisher") return {StatisticsKind::kFisher};
  if (method == "regmean") return {StatisticsKind::kInput};
  if (method != "mats") return {};
  const auto& objective = std::get<std::string>(options.at("objective"));
  if (objective == "fisher") return {StatisticsKind::kFisher};
  if (objective == "block_fisher") return {StatisticsKind::kBlockFisher};
  if (objective == "regmean") return {StatisticsKind::kInput};
  if (objective == "kfac") return {StatisticsKind::kInput, StatisticsKind::kOutput};
  return {};
}

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {{"average", average_rules},
                                          {"task_arithmetic", task_arithmetic_rules},
                                          {"ties", ties_rules},
                                          {"dare", dare_rules},
                                          {"dare_ties", dare_ties_rules},
                                          {"knots_ties", knots_ties_rules},
                                          {"knots_dare_ties", knots_dare_ties_rules},
                                          {"tall_mask", tall_mask_rules},
                                          {"consensus_ta", consensus_ta_rules},
                                          {"tsv_m", tsv_m_rules},
                                          {"iso_c", iso_c_rules},
                                          {"iso_cts", iso_cts_rules},
                                          {"fisher", fisher_rules},
                                          {"regmean", regmean_rules},
                                          {"mats", mats_rules}};
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
