#include "store/result_store.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr const char* kLogName = "log.jsonl";
constexpr const char* kFormatName = "format.json";
constexpr int64_t kFormat = 1;  // of records, analyses and plans

std::filesystem::path analysis_path(const std::filesystem::path& folder, const std::string& key) {
  return folder / "analyses" / (key + ".json");
}

}  // namespace

std::filesystem::path ResultStore::record_path(const std::string& key) const {
  return folder_ / "records" / (key + ".json");
}

void ResultStore::require_known_format() const {
  const std::filesystem::path path = folder_ / kFormatName;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return;
  const auto json =
      nlohmann::json::parse(read_text_file(path), nullptr, /*allow_exceptions=*/false);
  const bool is_whole = json.is_object() && json.contains("format");
  if (!is_whole || !json["format"].is_number_integer()) {
    throw input_error(
        fmt::format("{}: damaged: expected {{\"format\": {}}}; delete it if these "
                    "results are of this version",
                    path.string(), kFormat));
  }
  const auto format = json["format"].get<int64_t>();
  if (format <= kFormat) return;
  throw input_error(fmt::format(
      "{}: these results are of a newer isomerge: format {}, this one knows {}. Use that "
      "version, or another folder",
      path.string(), format, kFormat));
}

void ResultStore::open() const {
  require_known_format();
  require_writable_folder(folder_);
  const std::filesystem::path path = folder_ / kFormatName;
  std::error_code error;
  if (std::filesystem::exists(path, error)) return;
  write_text_file(path, fmt::format("{{\"format\": {}}}\n", kFormat));
}

std::optional<Record> ResultStore::find(const std::string& key) const {
  const std::filesystem::path path = record_path(key);
  std::error_code error;  // a folder that may not be looked into is for the next line to report
  if (!std::filesystem::exists(path, error) && !error) return {};
  Record record = parse_record(read_text_file(path), path);
  if (run_key(record.run) != key) {
    throw input_error(
        fmt::format("{}: holds the record of another run, {}; delete it and run again",
                    path.string(), run_key(record.run)));
  }
  return record;
}

std::set<std::string> ResultStore::keys() const {
  std::set<std::string> keys;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "records", error)) {
    const std::string name = entry.path().filename().string();
    if (name.front() != '.' && entry.path().extension() == ".json") {
      keys.insert(entry.path().stem().string());
    }
  }
  return keys;
}

void ResultStore::put(const Record& record) const {
  require_writable_folder(folder_ / "records");
  write_text_file(record_path(run_key(record.run)), record_text(record));
}

std::optional<AnalysisRecord> ResultStore::find_analysis(const RunDefinition& run) const {
  const std::filesystem::path path = analysis_path(folder_, run_key(run));
  std::error_code error;  // a folder that may not be looked into is for the next line to report
  if (!std::filesystem::exists(path, error) && !error) return {};
  AnalysisRecord record = parse_analysis_record(read_text_file(path), path);
  if (record.run == run) return record;
  throw input_error(
      fmt::format("{}: holds another analysis; delete it and run again", path.string()));
}

void ResultStore::put(const AnalysisRecord& record) const {
  const std::filesystem::path path = analysis_path(folder_, run_key(record.run));
  require_writable_folder(path.parent_path());
  write_text_file(path, analysis_record_text(record));
}

void ResultStore::log(const std::string& key, double seconds,
                      const std::string& program_version) const {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  const nlohmann::ordered_json line = {{"key", key},
                                       {"seconds", seconds},
                                       {"host", host_name()},
                                       {"when", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", now)},
                                       {"program", program_version}};
  const std::string text = line.dump() + "\n";
  require_writable_folder(folder_);
  const std::filesystem::path path = folder_ / kLogName;
  // One write of one line to a file opened for appending: lines of several processes stay whole.
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const ssize_t put = descriptor < 0 ? -1 : ::write(descriptor, text.data(), text.size());
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (put != static_cast<ssize_t>(text.size())) {
    throw machine_error(
        fmt::format("{}: appending failed: {}", path.string(), std::strerror(error)));
  }
}

std::map<std::string, LogEntry> ResultStore::read_log() const {
  std::map<std::string, LogEntry> entries;
  const std::filesystem::path path = folder_ / kLogName;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return entries;
  for (const std::string& line : split(read_text_file(path), '\n')) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    try {
      entries[json.at("key")] = {json.at("seconds"), json.at("host"), json.at("when"),
                                 json.at("program")};
    } catch (const nlohmann::json::exception&) {
      continue;
    }
  }
  return entries;
}

}  // namespace isomerge
