#include "app/arguments.h"

#include <algorithm>
#include <cmath>

#include <ATen/Context.h>
#include <fmt/format.h>
#include <sched.h>

// Values may contain commas; a repeated flag is how several are given.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#include <cxxopts.hpp>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

std::vector<Flag> all_flags(const CommandInfo& info) {
  std::vector<Flag> flags = info.flags;
  flags.push_back({"threads", "N", "threads to use (default: all cores)"});
  flags.push_back({"device", "DEVICE", "cpu or cuda (default: cpu)"});
  flags.push_back({"quiet", "", "only warnings and errors on stderr"});
  flags.push_back({"log-level", "LEVEL", "debug, info, warning or error (default: info)"});
  flags.push_back({"help", "", "this text"});
  return flags;
}

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

cxxopts::Options declare(const CommandInfo& info) {
  cxxopts::Options options("isomerge " + info.name);
  for (const Flag& flag : all_flags(info)) {
    if (flag.value.empty()) {
      options.add_options()(flag.name, flag.help);
    } else {
      options.add_options()(flag.name, flag.help, cxxopts::value<std::vector<std::string>>());
    }
  }
  options.add_options()("operands", "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional("operands");
  return options;
}

// What the user typed wrongly, in our own words.
void require_known_flags(const CommandInfo& info, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const Flag& flag : all_flags(info)) known.push_back("--" + flag.name);
  for (const std::string& word : words) {
    if (word == "--") return;
    if (!word.starts_with("--")) continue;
    const std::string name = word.substr(0, word.find('='));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw input_error(fmt::format("{}: unknown option {}{}; see isomerge {} --help", info.name,
                                    name, nearest_hint(name, known), info.name));
    }
  }
}

}  // namespace

Arguments::Arguments(const CommandInfo& info, const std::vector<std::string>& words)
    : command_(info.name) {
  require_known_flags(info, words);
  std::vector<const char*> argv{"isomerge"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  try {
    cxxopts::Options options = declare(info);
    const auto parsed = options.parse(static_cast<int>(argv.size()), argv.data());
    for (const auto& item : parsed.arguments()) {
      (item.key() == "operands" ? operands_ : values_[item.key()]).push_back(item.value());
    }
  } catch (const cxxopts::exceptions::exception& error) {
    throw input_error(
        fmt::format("{}: {}; see isomerge {} --help", info.name, error.what(), info.name));
  }
  for (const Flag& flag : all_flags(info)) {
    if (!flag.many && !flag.value.empty() && all(flag.name).size() > 1) {
      throw input_error(fmt::format("{}: --{} is given twice", info.name, flag.name));
    }
  }
  const bool fits = operands_.size() >= info.min_operands && operands_.size() <= info.max_operands;
  if (!wants_help() && !fits) {
    throw input_error(fmt::format("usage: isomerge {} {}\nsee isomerge {} --help", info.name,
                                  info.operands, info.name));
  }
}

std::optional<std::string> Arguments::find(const std::string& flag) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return {};
  return found->second.back();
}

std::string Arguments::require(const std::string& flag) const {
  const auto value = find(flag);
  if (!value) {
    throw input_error(
        fmt::format("{}: --{} is missing; see isomerge {} --help", command_, flag, command_));
  }
  return *value;
}

std::vector<std::string> Arguments::all(const std::string& flag) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::optional<double> Arguments::find_number(const std::string& flag) const {
  const auto text = find(flag);
  if (!text) return {};
  const auto number = parse_number(*text);
  if (!number) {
    throw input_error(
        fmt::format("{}: --{}: expected a number, got \"{}\"", command_, flag, *text));
  }
  return number;
}

std::optional<int64_t> Arguments::find_whole(const std::string& flag) const {
  const auto number = find_number(flag);
  if (!number) return {};
  constexpr double kExact = 0x1p53;  // beyond it not every whole number has a double
  if (std::abs(*number) > kExact || *number != std::floor(*number)) {
    throw input_error(
        fmt::format("{}: --{}: expected a whole number, got {}", command_, flag, *find(flag)));
  }
  return static_cast<int64_t>(*number);
}

std::optional<uint64_t> Arguments::find_bytes(const std::string& flag) const {
  const auto text = find(flag);
  if (!text) return std::nullopt;
  try {
    const uint64_t bytes = parse_bytes(*text);
    if (bytes == 0) throw input_error("expected more than 0 bytes");
    return bytes;
  } catch (const Error& error) {
    throw error.during(fmt::format("{}: --{}", command_, flag));
  }
}

int Arguments::threads() const {
  const auto number = find_number("threads");
  if (!number) return usable_cores();
  if (*number < 1 || *number > 1024 || *number != static_cast<int>(*number)) {
    throw input_error(fmt::format("{}: --threads: expected a whole number from 1 to 1024, got {}",
                                  command_, *find("threads")));
  }
  return static_cast<int>(*number);
}

c10::Device Arguments::device() const {
  const std::string text = find("device").value_or("cpu");
  if (text == "cpu") return {c10::kCPU};
  if (text != "cuda" && !text.starts_with("cuda:")) {
    throw input_error(
        fmt::format("{}: --device: expected cpu or cuda, got \"{}\"", command_, text));
  }
  if (!at::hasCUDA()) {
    throw input_error(
        fmt::format("{}: --device cuda: no CUDA device, or a LibTorch without CUDA", command_));
  }
  try {
    return c10::Device(text);
  } catch (const c10::Error&) {
    throw input_error(fmt::format("{}: --device: no such device \"{}\"", command_, text));
  }
}

std::map<std::string, std::string> Arguments::settings(const std::string& flag) const {
  std::map<std::string, std::string> out;
  for (const std::string& text : all(flag)) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw input_error(
          fmt::format("{}: --{}: expected NAME=value, got \"{}\"", command_, flag, text));
    }
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

uint64_t cache_size_of(const Arguments& arguments) {
  const auto size = arguments.find_bytes("cache-size");
  if (size && !arguments.has("cache")) {
    throw input_error("--cache-size: there is no cache to bound; name its folder with --cache");
  }
  return size.value_or(0);
}

std::string help_text(const CommandInfo& info) {
  std::string text = fmt::format("{}\n\nUsage:\n  isomerge {} {}\n\nOptions:\n", info.summary,
                                 info.name, info.operands);
  for (const Flag& flag : all_flags(info)) {
    const std::string left =
        "--" + flag.name + (flag.value.empty() ? "" : " " + flag.value) + (flag.many ? " ..." : "");
    text += fmt::format("  {:<28}  {}\n", left, flag.help);
  }
  return text + "\nExample:\n" + info.example + "\n";
}

}  // namespace isomerge
