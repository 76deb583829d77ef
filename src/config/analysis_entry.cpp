#include "config/analysis_entry.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/experiment.h"
#include "config/grid.h"
#include "config/method_info.h"
#include "config/named_entries.h"
#include "config/recipe.h"

namespace isomerge {
namespace {

using Kind = AnalysisEntry::Kind;

constexpr int kRevision = 1;  // raised when the numbers change

const ChoiceNames<Kind> kKinds = {
    {Kind::kSar, "sar"},           {Kind::kPairs, "pairs"},
    {Kind::kCosine, "cosine"},     {Kind::kCosinePairs, "cosine_pairs"},
    {Kind::kSpectrum, "spectrum"}, {Kind::kInterference, "interference"}};

bool has_rank(Kind kind) {
  return kind == Kind::kSar || kind == Kind::kPairs || kind == Kind::kSpectrum;
}

Kind read_kind(ObjectReader& reader) {
  if (reader.require("analysis") == nullptr) return Kind::kSar;
  return value_of(kKinds, reader.find_choice("analysis", "sar", names_of(kKinds)));
}

double read_share(ObjectReader& reader, const std::string& key, double fallback) {
  const std::optional<double> value = reader.find_number(key);
  if (!value) return fallback;
  if (*value >= 0.0 && *value < 1.0) return *value;
  reader.problem(reader.find(key)->line,
                 fmt::format("\"{}\": expected a number from 0 to below 1, got {}", key, *value));
  return fallback;
}

std::vector<double> read_betas(ObjectReader& reader, Problems& problems) {
  const JsonValue* value = reader.find("beta");
  if (value == nullptr) return {0.0};
  std::vector<double> betas;
  for (const OptionValue& beta : axis_values(*value, "beta", reader.file(), problems)) {
    const std::optional<double> number = number_of(beta);
    if (!number || *number < 0.0 || *number > 1.0) {
      reader.problem(value->line, "\"beta\": expected numbers from 0 to 1");
      return {0.0};
    }
    betas.push_back(*number);
  }
  return betas;
}

void read_rank(ObjectReader& reader, Problems& problems, AnalysisEntry* entry) {
  entry->rank_rule = reader.find_choice("rank_rule", entry->rank_rule, {"paper", "code"});
  entry->epsilon = read_share(reader, "epsilon", entry->epsilon);
  entry->off_by_one = reader.find_bool("off_by_one", entry->off_by_one);
  if (entry->off_by_one && entry->rank_rule != "code") {
    reader.problem(reader.find("off_by_one")->line, "\"off_by_one\" is for \"rank_rule\" \"code\"");
  }
  entry->betas = read_betas(reader, problems);
}

void check_methods(ObjectReader& reader, const std::vector<Row>& rows, const AnalysisEntry& entry) {
  for (const std::string& name : entry.methods) {
    const bool is_analysed = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
      return row.method == name && analyses_row(entry, row);
    });
    if (is_analysed) continue;
    reader.problem(reader.find("methods")->line,
                   fmt::format("\"methods\": \"{}\": no row of this experiment merges one model "
                               "by it",
                               name));
  }
}

AnalysisEntry read_analysis(const JsonValue& value, const std::vector<Row>& rows,
                            const std::filesystem::path& file, Problems& problems) {
  ObjectReader reader(value, "an analysis", file, problems);
  AnalysisEntry entry;
  entry.kind = read_kind(reader);
  entry.name = reader.find_string("name", analysis_kind_text(entry.kind));
  if (!is_task_name(entry.name)) {
    reader.problem(value.line, fmt::format("analysis \"{}\": expected [a-z0-9_]+", entry.name));
  }
  entry.methods = reader.find_strings("methods");
  check_methods(reader, rows, entry);
  if (looks_at_features(entry)) {
    reader.finish();
    return entry;
  }
  entry.include = reader.find_strings("include");
  entry.exclude = reader.find_strings("exclude");
  if (has_rank(entry.kind)) read_rank(reader, problems, &entry);
  if (entry.kind == Kind::kSar || entry.kind == Kind::kPairs) {
    entry.side = reader.find_choice("side", entry.side, {"left", "right", "both"});
  }
  if (entry.kind != Kind::kSpectrum) {
    entry.per = reader.find_choice("per", entry.per, {"matrix", "layer", "module", "model"});
  }
  reader.finish();
  return entry;
}

}  // namespace

std::string analysis_kind_text(Kind kind) { return text_of(kKinds, kind); }

bool looks_at_features(const AnalysisEntry& entry) { return entry.kind == Kind::kInterference; }

std::string analysis_text(const AnalysisEntry& entry) {
  if (looks_at_features(entry)) {
    return fmt::format("analysis {}, revision {}", analysis_kind_text(entry.kind), kRevision);
  }
  std::string text = fmt::format("analysis {}, revision {}: include [{}], exclude [{}]",
                                 analysis_kind_text(entry.kind), kRevision,
                                 join(entry.include, ", "), join(entry.exclude, ", "));
  if (has_rank(entry.kind)) {
    std::vector<std::string> betas;
    for (const double beta : entry.betas) betas.push_back(number_text(beta));
    text += fmt::format(", {}, epsilon {}{}, beta {}", entry.rank_rule, number_text(entry.epsilon),
                        entry.off_by_one ? ", off by one" : "", join(betas, " "));
  }
  return text + fmt::format(", {}, per {}", entry.side, entry.per);
}

bool analyses_row(const AnalysisEntry& entry, const Row& row) {
  if (!require_method_info(row.method).merges || row.method == "tall_mask") return false;
  return entry.methods.empty() ||
         std::find(entry.methods.begin(), entry.methods.end(), row.method) != entry.methods.end();
}

std::vector<AnalysisEntry> read_analyses(const JsonValue* value, const std::vector<Row>& rows,
                                         const std::filesystem::path& file, Problems& problems) {
  return read_named_entries(value, "analyses", file, problems, [&](const JsonValue& item) {
    return read_analysis(item, rows, file, problems);
  });
}

}  // namespace isomerge
