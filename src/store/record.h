// store/record.h -- one stored result: what was run, on which bytes, with which outcome per
// example.
//
// Same run, same bytes: no time, host or program version is in a record (those are in the log).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "store/outcomes.h"

namespace isomerge {

// How a score was come by; part of every key. Raise the revision when the numbers change.
inline constexpr const char* kEvaluation = "argmax over the task's own classes, revision 1";
inline constexpr const char* kTextEvaluation =
    "choice of highest log-probability, or exact match and F1 of a greedy answer, revision 1";

// Everything a score depends on. Its hash names the record.
struct RunDefinition {
  std::string method;
  int revision = 1;                                                                 // of the method
  std::map<std::string, std::variant<bool, int64_t, double, std::string>> options;  // resolved
  std::optional<double> alpha;
  std::string precision;  // "fp32", "fp64"; empty where nothing is merged
  std::vector<std::string> exclude, average;
  bool split_attention = false;    // in the text, and thus in the key, only where it is true
  std::vector<std::string> tasks;  // merged, in order; none: zero_shot; the evaluated: fine_tuned
  std::string task;                // evaluated
  std::string split;               // "val", "test"
  std::array<double, 3> mean{}, std{};  // preprocessing per channel; of text none: zeros
  std::string evaluation = kEvaluation;
  // "base", "encoder", "head", "data", "data/<task>", "expert/<task>"; of text "model" and
  // "tokenizer" instead of encoder and head: those that matter.
  std::map<std::string, std::string> hashes;

  bool operator==(const RunDefinition&) const = default;
};

// Hash of the definition's canonical JSON: sorted keys, no spaces, numbers that read back exactly.
std::string run_key(const RunDefinition& run);

enum class RunStatus { kDone, kFailed };

struct Record {
  RunDefinition run;
  RunStatus status = RunStatus::kDone;
  std::string message;   // why it failed
  double correct = 0.0;  // sum of the outcomes
  int64_t total = 0;
  double score = 0.0;  // 0..1
  Outcomes outcomes;   // `total` of them; none if failed

  bool operator==(const Record&) const = default;
};

Record done_record(RunDefinition run, Outcomes outcomes);
Record failed_record(RunDefinition run, std::string message);

// What an analysis of a merged update found: a table. Its run has no task, a split only if features
// were looked at, and `evaluation` says what was analysed and how.
struct AnalysisRecord {
  RunDefinition run;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> lines;  // as many cells as columns; numbers in full

  bool operator==(const AnalysisRecord&) const = default;
};

std::string analysis_record_text(const AnalysisRecord& record);

// Throws Error(kInput) naming `file` if the text is damaged.
AnalysisRecord parse_analysis_record(const std::string& text, const std::filesystem::path& file);

// JSON for a person to read; the same record gives the same bytes.
std::string record_text(const Record& record);

// Throws Error(kInput) naming `file` unless `text` is exactly what record_text() gives for it.
Record parse_record(const std::string& text, const std::filesystem::path& file);

}  // namespace isomerge
