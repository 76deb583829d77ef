#include "store/record.h"

#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;  // keeps the order below, so that a person can read the file

constexpr int kFormat = 1;  // of the file; raise it when fields change

Json options_json(const RunDefinition& run) {
  Json json = Json::object();
  for (const auto& [name, value] : run.options) {
    std::visit([&, &key = name](const auto& plain) { json[key] = plain; }, value);
  }
  return json;
}

// Images are divided by a positive std.
bool has_preprocessing(const RunDefinition& run) { return run.std != std::array<double, 3>{}; }

Json run_json(const RunDefinition& run) {
  Json json = {{"method", run.method},
               {"revision", run.revision},
               {"options", options_json(run)},
               {"alpha", run.alpha ? Json(*run.alpha) : Json()},
               {"precision", run.precision},
               {"exclude", run.exclude},
               {"average", run.average},
               {"tasks", run.tasks},
               {"task", run.task},
               {"split", run.split}};
  if (has_preprocessing(run)) json["preprocess"] = {{"mean", run.mean}, {"std", run.std}};
  json["evaluation"] = run.evaluation;
  json["hashes"] = run.hashes;
  if (run.split_attention) json["attention"] = "split";
  return json;
}

RunDefinition run_of(const Json& json) {
  RunDefinition run;
  run.method = json.at("method");
  run.revision = json.at("revision");
  for (const auto& [name, value] : json.at("options").items()) {
    if (value.is_boolean()) run.options[name] = value.get<bool>();
    if (value.is_number_integer()) run.options[name] = value.get<int64_t>();
    if (value.is_number_float()) run.options[name] = value.get<double>();
    if (value.is_string()) run.options[name] = value.get<std::string>();
  }
  if (!json.at("alpha").is_null()) run.alpha = json.at("alpha").get<double>();
  run.precision = json.at("precision");
  run.exclude = json.at("exclude").get<std::vector<std::string>>();
  run.average = json.at("average").get<std::vector<std::string>>();
  run.split_attention = json.contains("attention");
  run.tasks = json.at("tasks").get<std::vector<std::string>>();
  run.task = json.at("task");
  run.split = json.at("split");
  if (json.contains("preprocess")) {
    run.mean = json.at("preprocess").at("mean").get<std::array<double, 3>>();
    run.std = json.at("preprocess").at("std").get<std::array<double, 3>>();
  }
  run.evaluation = json.at("evaluation");
  run.hashes = json.at("hashes").get<std::map<std::string, std::string>>();
  return run;
}

Record record_of(const Json& json) {
  Record record;
  if (json.at("format") != kFormat) {
    throw input_error(fmt::format("expected format {}, got {}", kFormat, json.at("format").dump()));
  }
  record.run = run_of(json.at("run"));
  if (json.at("status") == "failed") return failed_record(record.run, json.at("message"));
  const int64_t total = json.at("total");
  if (total < 0) throw input_error("\"total\" is negative");
  return done_record(record.run, parse_outcomes(json.at("outcomes"), static_cast<size_t>(total)));
}

}  // namespace

std::string run_key(const RunDefinition& run) {
  // Sorted keys: nlohmann::json, unlike ordered_json, is a std::map.
  return hash_text(nlohmann::json(run_json(run)).dump());
}

Record done_record(RunDefinition run, Outcomes outcomes) {
  Record record;
  record.run = std::move(run);
  record.correct = std::accumulate(outcomes.begin(), outcomes.end(), 0.0);
  record.total = static_cast<int64_t>(outcomes.size());
  record.score = record.total == 0 ? 0.0 : record.correct / static_cast<double>(record.total);
  record.outcomes = std::move(outcomes);
  return record;
}

Record failed_record(RunDefinition run, std::string message) {
  Record record;
  record.run = std::move(run);
  record.status = RunStatus::kFailed;
  record.message = std::move(message);
  return record;
}

std::string record_text(const Record& record) {
  Json json = {{"format", kFormat}, {"key", run_key(record.run)}};
  if (record.status == RunStatus::kFailed) {
    json["status"] = "failed";
    json["message"] = record.message;
  } else {
    json["status"] = "done";
    json["score"] = record.score;
    json["correct"] = Json::parse(number_text(record.correct));  // 731, not 731.0
    json["total"] = record.total;
  }
  json["run"] = run_json(record.run);
  if (record.status == RunStatus::kDone) json["outcomes"] = outcomes_text(record.outcomes);
  // A message may carry any bytes (a file name); what is not UTF-8 is replaced, never an exception.
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

Record parse_record(const std::string& text, const std::filesystem::path& file) {
  const std::string context =
      file.string() + ": this record is damaged; delete it and run again to have it anew";
  Record record;
  try {
    record = record_of(Json::parse(text));
  } catch (const Json::exception& error) {
    throw input_error(error.what()).during(context);
  } catch (const Error& error) {
    throw error.during(context);
  }
  // Strict at one stroke: no field may be missing, added, edited or inconsistent with another.
  if (record_text(record) != text) {
    throw input_error(context + ": its fields contradict each other or its layout was changed");
  }
  return record;
}

std::string analysis_record_text(const AnalysisRecord& record) {
  std::string lines;
  for (const auto& line : record.lines) {
    lines += (lines.empty() ? "\n" : ",\n") + ("    " + Json(line).dump());
  }
  const Json json = {{"format", kFormat},
                     {"key", run_key(record.run)},
                     {"run", run_json(record.run)},
                     {"columns", record.columns}};
  std::string text = json.dump(2);
  text.resize(text.size() - 2);  // a line of the table stays one line of the file
  return text + ",\n  \"lines\": [" + lines + "\n  ]\n}\n";
}

AnalysisRecord parse_analysis_record(const std::string& text, const std::filesystem::path& file) {
  const std::string context =
      file.string() + ": this record is damaged; delete it and run again to have it anew";
  AnalysisRecord record;
  try {
    const Json json = Json::parse(text);
    record = {run_of(json.at("run")), json.at("columns"), json.at("lines")};
  } catch (const nlohmann::json::exception& fault) {
    throw input_error(fault.what()).during(context);
  }
  if (analysis_record_text(record) != text) {
    throw input_error(context + ": its layout was changed");
  }
  return record;
}

}  // namespace isomerge
