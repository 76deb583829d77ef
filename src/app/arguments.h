// app/arguments.h -- one command's flags: declared, parsed, explained.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

namespace isomerge {

// A flag that a command takes. `value` is what its value is called in the help ("FILE"); empty: a
// switch. `many`: may be repeated.
struct Flag {
  std::string name;
  std::string value;
  std::string help;
  bool many = false;
};

// What a command is, for its own help and for the list of commands.
struct CommandInfo {
  std::string name;
  std::string operands;  // "SUITE.json --weights FILE [options]"
  std::string summary;
  std::string example;
  std::vector<Flag> flags;  // beside those that every command has
  size_t min_operands = 0, max_operands = 0;
};

// The parsed words of one command line. Throws Error(kInput) on an unknown flag (with the nearest),
// a missing value or a wrong number of operands.
class Arguments {
 public:
  Arguments(const CommandInfo& info, const std::vector<std::string>& words);

  bool wants_help() const { return has("help"); }
  bool has(const std::string& flag) const { return values_.contains(flag); }
  const std::vector<std::string>& operands() const { return operands_; }

  std::optional<std::string> find(const std::string& flag) const;  // the last one given
  std::string require(const std::string& flag) const;
  std::vector<std::string> all(const std::string& flag) const;
  std::optional<double> find_number(const std::string& flag) const;
  std::optional<int64_t> find_whole(const std::string& flag) const;

  std::optional<uint64_t> find_bytes(const std::string& flag) const;  // "2GiB", more than 0

  // Every command's: number of threads (default: the cores this process may use), device.
  int threads() const;
  c10::Device device() const;

  // Every "NAME=value" of a repeated flag. Throws Error(kInput) without '='.
  std::map<std::string, std::string> settings(const std::string& flag) const;

 private:
  std::string command_;
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> operands_;
};

// What --cache-size says, for commands that have --cache; 0 without it. Throws Error(kInput) if
// there is no cache to bound.
uint64_t cache_size_of(const Arguments& arguments);

std::string help_text(const CommandInfo& info);

}  // namespace isomerge
