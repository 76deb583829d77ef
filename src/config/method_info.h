// config/method_info.h -- what every method is and takes: the single source of the command line,
// the option checks, the docs and the titles of tables. The arithmetic is in merge/, under the same
// name.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "config/options.h"

namespace isomerge {

enum class OptionType { kBool, kInt, kDouble, kChoice, kText };

struct OptionInfo {
  std::string name = {};
  OptionType type = OptionType::kDouble;
  OptionValue default_value = {};
  double minimum = -std::numeric_limits<double>::infinity();  // numbers only; both bounds allowed
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // kChoice only
  std::string help = {};                  // one line
  // Came after records were made, with a default that changes nothing: while it has that default, a
  // configuration does not name it, and the keys of those records stay.
  bool came_later = false;
  bool is_of_two = false;  // another value than the default needs two experts
};

struct MethodInfo {
  std::string name = {};         // command line and records: "iso_c"
  std::string title = {};        // tables and legends: "Iso-C"
  std::string formula = {};      // one line, symbols of src/README.md
  std::string needs = {};        // "base and experts"
  std::string source = {};       // "arXiv:2502.04959, Algorithm 1"
  std::string note = {};         // what it does to tensors that are not matrices, and other remarks
  bool merges = true;            // false: zero_shot and fine_tuned, rows of a table without a merge
  bool uses_statistics = false;  // of each expert's examples: `isomerge statistics`
  std::optional<double> default_alpha = {};  // nothing where `merges` is false
  std::string alpha_grid = {};  // usual search range "0.1:3.0:0.1"; empty: alpha is fixed
  std::vector<OptionInfo> options = {};
  int revision = 1;  // part of every record's key: raise it when the numbers change
};

// Every method, in the order tables print them.
const std::vector<MethodInfo>& method_infos();

std::vector<std::string> method_names();
std::vector<std::string> merging_method_names();  // without zero_shot and fine_tuned

// Throws Error(kInput) with the nearest and all known names if `name` is not one of them.
const MethodInfo& require_method_info(const std::string& name);

// What of resolved options names a configuration, in texts and in the keys of records: all but
// those that came later and have their default.
Options naming_options(const MethodInfo& method, Options options);

// What is wrong with giving `value` to the option `name` of `method`: unknown name (with the
// nearest), wrong type, out of range. Nothing if it is right. Integers are right for doubles.
std::optional<std::string> find_option_problem(const MethodInfo& method, const std::string& name,
                                               const OptionValue& value);

// What is wrong with `options` of `method`, each of the type resolve_options() gives it, where
// `experts` experts are merged; nothing if they are right.
std::optional<std::string> find_count_problem(const MethodInfo& method, const Options& options,
                                              size_t experts);

// All options of `method`: the given ones, integers turned into doubles where the option is a
// double, and the defaults of the rest. Throws one Error(kInput) that lists every problem.
Options resolve_options(const MethodInfo& method, const Options& given);

}  // namespace isomerge
