// store/result_store.h -- the folder of results: one file per record, written once, atomically.
// Several processes and machines may share it: equal runs write equal bytes.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "store/record.h"

namespace isomerge {

// How a record was come by: what may differ between two runs of the same record.
struct LogEntry {
  double seconds = 0.0;
  std::string host;
  std::string when;     // UTC, "2026-01-31T12:00:00Z"
  std::string program;  // version
};

class ResultStore {
 public:
  // Touches nothing yet; folders are made by the first put() or log().
  explicit ResultStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path record_path(const std::string& key) const;  // folder/records/<key>.json

  // Makes the folder and says in it, in folder/format.json, how its files are to be read. Throws
  // Error(kInput) as require_known_format(), kMachine if it cannot be written.
  void open() const;

  // Throws Error(kInput) if a newer version of the program wrote the folder, in a way that this one
  // does not know.
  void require_known_format() const;

  // The record of that key, or nothing. A file that is damaged, or that holds the record of another
  // key, is an Error(kInput) naming it.
  std::optional<Record> find(const std::string& key) const;
  std::optional<Record> find(const RunDefinition& run) const { return find(run_key(run)); }

  // The keys of all records, by their files' names.
  std::set<std::string> keys() const;

  // Replaces a record of the same key.
  void put(const Record& record) const;

  // The same for analyses, in folder/analyses/<key>.json.
  std::optional<AnalysisRecord> find_analysis(const RunDefinition& run) const;
  void put(const AnalysisRecord& record) const;

  // Appends a line to folder/log.jsonl: a LogEntry with the host's name and the time of now.
  void log(const std::string& key, double seconds, const std::string& program_version) const;

  // The last entry of every key. Without a log: empty. Lines that are no entries, which a killed
  // process may leave, are passed over: the log explains records, nothing is computed from it.
  std::map<std::string, LogEntry> read_log() const;

 private:
  std::filesystem::path folder_;
};

}  // namespace isomerge
