#include "app/analysis_request.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "analysis/names.h"
#include "base/error.h"
#include "base/text.h"
#include "config/recipe.h"

namespace isomerge {
namespace {

const std::string kInterference = "interference";

// What truncation keeps unless told otherwise: shares of r.
constexpr double kShares[] = {0.05, 0.1, 0.25, 0.5};

// The choice that is called so.
template <typename Choice>
Choice require_choice(const std::string& text, const Names<Choice>& known,
                      const std::string& what) {
  std::vector<std::string> names;
  for (const auto& [choice, name] : known) {
    if (name == text) return choice;
    names.push_back(name);
  }
  throw input_error(fmt::format("analyze: {}: expected one of {}; got \"{}\"{}", what,
                                join(names, ", "), text, nearest_hint(text, names)));
}

// A flag that nothing of what is asked for would look at is a slip.
void require_fitting_flags(const Arguments& arguments, const AnalysisReport& report) {
  using enum AnalysisKind;
  const std::vector<std::pair<std::string, std::vector<AnalysisKind>>> uses = {
      {"rank-rule", {kSar, kPairs, kSpectrum, kTruncation}},
      {"epsilon", {kSar, kPairs, kSpectrum, kTruncation}},
      {"off-by-one", {kSar, kPairs, kSpectrum, kTruncation}},
      {"rank", {kSar, kPairs, kSpectrum, kTruncation}},
      {"beta", {kSar, kPairs, kSpectrum}},
      {"side", {kSar, kPairs}},
      {"per", {kSar, kPairs, kCosine, kTruncation}},
      {"of", {kSpectrum, kTruncation}},
      {"precision", {kSar, kPairs, kSpectrum, kTruncation}},
      {"cache", {kSar, kPairs}},
      {"weights", {}},
      {"task", {}},
      {"split", {}},
      {"set", {}}};
  for (const auto& [flag, kinds] : uses) {
    if (!arguments.has(flag) || asks_for(report, kinds)) continue;
    std::vector<std::string> names;
    for (const AnalysisKind kind : kinds) names.push_back(name_of(kind));
    if (names.empty()) names.push_back(kInterference);
    throw input_error(fmt::format("analyze: --{} is for {}", flag, join(names, ", ")));
  }
}

double number_in(const std::string& flag, const std::string& text, double low, double high) {
  const auto number = parse_number(text);
  if (number && *number >= low && *number <= high) return *number;
  throw input_error(fmt::format("analyze: --{}: expected a number from {} to {}, got \"{}\"", flag,
                                number_text(low), number_text(high), text));
}

// "64" is a number of directions, "0.25" and "1.0" are shares of r.
RankChoice parse_rank(const std::string& text) {
  if (text.find('.') != std::string::npos) return RankFraction{number_in("rank", text, 0.0, 1.0)};
  const double k = number_in("rank", text, 0.0, 1e9);
  if (k != static_cast<double>(static_cast<int64_t>(k))) {
    throw input_error(fmt::format(
        "analyze: --rank: expected a whole number or a share of r with a point, got \"{}\"", text));
  }
  return RankCount{static_cast<int64_t>(k)};
}

std::vector<EnergyRule> parse_rules(const Arguments& arguments) {
  std::vector<EnergyRule> rules;
  for (const std::string& text : arguments.all("rank-rule")) {
    rules.push_back({require_choice(text, rule_names(), "--rank-rule")});
  }
  if (rules.empty() && !arguments.has("rank")) rules.push_back({});
  bool has_code = false;
  for (EnergyRule& rule : rules) {
    if (const auto text = arguments.find("epsilon")) {
      rule.epsilon = number_in("epsilon", *text, 0.0, 0.999999);
    }
    rule.off_by_one = rule.rule == RankRule::kCode && arguments.has("off-by-one");
    has_code = has_code || rule.rule == RankRule::kCode;
  }
  if (arguments.has("off-by-one") && !has_code) {
    throw input_error("analyze: --off-by-one is for --rank-rule code");
  }
  if (arguments.has("epsilon") && rules.empty()) {
    throw input_error("analyze: --epsilon is for --rank-rule");
  }
  return rules;
}

void read_ranks(const Arguments& arguments, AnalysisReport* report) {
  for (const std::string& text : arguments.all("beta")) {
    report->betas.push_back(number_in("beta", text, 0.0, 1.0));
  }
  if (report->betas.empty()) report->betas.push_back(0.0);
  for (const EnergyRule& rule : parse_rules(arguments)) {
    report->own_ranks.emplace_back(rule);
    for (const double beta : report->betas) {
      EnergyRule interpolated = rule;
      interpolated.beta = beta;
      report->settings.ranks.emplace_back(interpolated);
    }
  }
  for (const std::string& text : arguments.all("rank")) {
    report->own_ranks.push_back(parse_rank(text));
    report->settings.ranks.push_back(parse_rank(text));
  }
  report->kept_ranks = report->own_ranks;
  if (arguments.has("rank") || arguments.has("rank-rule")) return;
  report->kept_ranks.clear();
  for (const double share : kShares) report->kept_ranks.emplace_back(RankFraction{share});
}

void read_subjects(const Arguments& arguments, AnalysisReport* report) {
  if (!asks_for(*report, {AnalysisKind::kSpectrum, AnalysisKind::kTruncation})) return;
  Names<std::string> known;
  for (const std::string& task : report->tasks) known.emplace_back(task, task);
  for (const char* other : {kSum, kMerged}) known.emplace_back(other, other);
  for (const std::string& text : arguments.all("of")) {
    report->settings.subjects.push_back(require_choice(text, known, "--of"));
  }
  if (!arguments.has("of")) {
    report->settings.subjects = report->tasks;
    report->settings.subjects.push_back(kMerged);
  }
}

}  // namespace

bool asks_for(const AnalysisReport& report, const std::vector<AnalysisKind>& kinds) {
  return std::any_of(report.kinds.begin(), report.kinds.end(), [&](AnalysisKind kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  });
}

bool asks_for_interference(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands();
  if (std::find(words.begin(), words.end(), kInterference) == words.end()) return false;
  if (words.size() != 2 || words.front() != kInterference) {
    throw input_error("analyze: interference stands alone: analyze interference SUITE.json");
  }
  for (const char* flag :
       {"base", "expert", "merged", "rank-rule", "epsilon", "off-by-one", "rank", "beta", "side",
        "per", "of", "include", "exclude", "precision", "cache"}) {
    if (arguments.has(flag)) {
      throw input_error(fmt::format("analyze: --{} is not for interference", flag));
    }
  }
  return true;
}

AnalysisReport read_analysis_request(const Arguments& arguments) {
  AnalysisReport report;
  for (const std::string& text : arguments.operands()) {
    const AnalysisKind kind = require_choice(text, kind_names(), "the analysis");
    if (asks_for(report, {kind})) throw input_error("analyze: " + text + " is given twice");
    report.kinds.push_back(kind);
  }
  require_fitting_flags(arguments, report);
  for (const std::string& text : arguments.all("expert")) {
    report.tasks.push_back(parse_expert(text).first);
  }
  AnalysisSettings& settings = report.settings;
  settings.selection = {arguments.all("include"), arguments.all("exclude")};
  settings.with_sar = asks_for(report, {AnalysisKind::kSar});
  settings.with_pairs = asks_for(report, {AnalysisKind::kPairs});
  settings.threads = arguments.threads();
  for (const std::string& text : arguments.all("side")) {
    settings.sides.push_back(require_choice(text, side_names(), "--side"));
  }
  if (settings.sides.empty()) settings.sides.push_back(Side::kLeft);
  if (const auto text = arguments.find("per")) {
    report.grouping = require_choice(*text, grouping_names(), "--per");
  }
  if (const auto text = arguments.find("precision")) {
    settings.dtype = parse_precision(*text) == Precision::kFp64 ? at::kDouble : at::kFloat;
  }
  report.merged = arguments.find("merged").value_or("");
  read_ranks(arguments, &report);
  read_subjects(arguments, &report);
  return report;
}

}  // namespace isomerge
