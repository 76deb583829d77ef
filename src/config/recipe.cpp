#include "config/recipe.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

const std::vector<std::string> kAttention = {"packed", "split"};
const std::vector<std::string> kPrecisions = {"fp32", "fp64"};  // by enumerator
const std::vector<std::string> kOutputDtypes = {"as_base", "fp32", "fp16", "bf16"};  // likewise

size_t require_index(const std::string& text, const std::vector<std::string>& known,
                     const char* what) {
  const auto found = std::find(known.begin(), known.end(), text);
  if (found == known.end()) {
    throw input_error(
        fmt::format("{}: expected one of {}; got \"{}\"", what, join(known, ", "), text));
  }
  return static_cast<size_t>(found - known.begin());
}

void read_options(ObjectReader& reader, Recipe& recipe, Problems& problems) {
  const JsonValue* value = reader.find("options");
  if (value == nullptr) return;
  if (!value->is(JsonValue::Kind::kObject)) {
    reader.problem(value->line,
                   fmt::format("\"options\": expected an object, got {}", kind_text(*value)));
  }
  for (const JsonMember& member : value->members) {
    const std::optional<OptionValue> option = find_option_value(member.value);
    if (!option) {
      reader.problem(member.line, fmt::format("option \"{}\": expected one value, got {}",
                                              member.key, kind_text(member.value)));
      continue;
    }
    recipe.options[member.key] = *option;
    if (recipe.method.empty()) continue;
    const auto problem =
        find_option_problem(require_method_info(recipe.method), member.key, *option);
    if (problem) problems.add(reader.file(), member.line, *problem);
  }
}

void read_grid(ObjectReader& reader, Recipe& recipe, Problems& problems) {
  const JsonValue* value = reader.find("grid");
  if (value == nullptr) return;
  if (!value->is(JsonValue::Kind::kObject)) {
    reader.problem(
        value->line,
        fmt::format("\"grid\": expected an object of option: values, got {}", kind_text(*value)));
  }
  for (const JsonMember& member : value->members) {
    recipe.grid.push_back(
        {member.key, axis_values(member.value, member.key, reader.file(), problems)});
  }
}

void read_experts(ObjectReader& reader, Recipe& recipe, Problems& problems) {
  const JsonValue* value = reader.find("experts");
  if (value == nullptr) return;
  if (!value->is(JsonValue::Kind::kObject)) {
    reader.problem(value->line, fmt::format("\"experts\": expected an object of task name: file, "
                                            "got {}",
                                            kind_text(*value)));
  }
  for (const JsonMember& member : value->members) {
    if (!is_task_name(member.key)) {
      reader.problem(member.line, fmt::format("task name \"{}\": expected [a-z0-9_]+", member.key));
    }
    if (!member.value.is(JsonValue::Kind::kString)) {
      reader.problem(member.line, fmt::format("expert \"{}\": expected a file name, got {}",
                                              member.key, kind_text(member.value)));
      continue;
    }
    recipe.experts.emplace_back(member.key,
                                resolve_path(member.value.text, reader.file(), member.value.line,
                                             Files::kMustExist, problems));
  }
}

std::filesystem::path read_path(ObjectReader& reader, const std::string& key, Files files,
                                Problems& problems) {
  const JsonValue* value = reader.find(key);
  if (value == nullptr) return {};
  return resolve_path(reader.require_string(key), reader.file(), value->line, files, problems);
}

// Experts of one name, and of one file under whatever spelling of its path.
void add_doubles(const Recipe& recipe, std::vector<std::string>& facts) {
  for (size_t i = 0; i < recipe.experts.size(); ++i) {
    const auto& [name, path] = recipe.experts[i];
    if (!is_task_name(name)) {
      facts.push_back(fmt::format("expert \"{}\": a task name is [a-z0-9_]+", name));
    }
    for (size_t j = 0; j < i; ++j) {
      const auto& [other_name, other_path] = recipe.experts[j];
      if (name == other_name) facts.push_back(fmt::format("expert \"{}\" given twice", name));
      if (same_file(path, other_path)) {
        facts.push_back(fmt::format("experts \"{}\" and \"{}\" are the same file: {}", other_name,
                                    name, path.string()));
      }
    }
  }
}

// An adapter is a folder, and what it adds includes alpha.
void add_adapter_problems(const Recipe& recipe, std::vector<std::string>& facts) {
  std::error_code ignored;
  if (recipe.out.has_filename() && !std::filesystem::is_directory(recipe.out, ignored)) {
    facts.push_back(fmt::format("{}: an adapter is a folder; write / at the end of its name",
                                recipe.out.string()));
  }
  if (recipe.update_only) facts.push_back("an adapter is no update alone: drop update_only");
  if (recipe.shard_bytes > 0) facts.push_back("an adapter has no shards: drop shard_size");
}

// What is wrong with an axis by itself or beside the rest of the recipe.
void require_fitting_axis(const Recipe& recipe, const GridAxis& axis) {
  const auto same_name = [&](const GridAxis& other) { return other.name == axis.name; };
  if (std::count_if(recipe.grid.begin(), recipe.grid.end(), same_name) > 1) {
    throw input_error(fmt::format("grid \"{}\" given twice", axis.name));
  }
  if (recipe.options.contains(axis.name) || (axis.name == "alpha" && recipe.alpha)) {
    throw input_error(fmt::format("\"{}\" given both as a value and as a grid", axis.name));
  }
  const std::string place = "{" + axis.name + "}";
  if (axis.values.size() > 1 && recipe.out.string().find(place) == std::string::npos) {
    throw input_error(
        fmt::format("{} values of {} would all be written to {}: put {} into the name",
                    axis.values.size(), axis.name, recipe.out.string(), place));
  }
}

void set_value(const std::string& name, const OptionValue& value, Recipe& recipe) {
  const std::string place = "{" + name + "}", text = option_text(value);
  std::string out = recipe.out.string();
  for (size_t at = out.find(place); at != std::string::npos; at = out.find(place, at)) {
    out.replace(at, place.size(), text);
    at += text.size();
  }
  recipe.out = out;
  if (name != "alpha") {
    recipe.options[name] = value;
    return;
  }
  recipe.alpha = number_of(value);
  if (!recipe.alpha) throw input_error(fmt::format("alpha: expected a number, got \"{}\"", text));
}

bool needs_statistics(const Recipe& recipe) {
  const auto& all = method_infos();
  const auto method = std::find_if(all.begin(), all.end(),
                                   [&](const MethodInfo& it) { return it.name == recipe.method; });
  return method != all.end() && method->uses_statistics && recipe.statistics.empty();
}

std::string statistics_hint(const Recipe& recipe) {
  return fmt::format(
      "no statistics given, which {} needs: --statistics DIR, a folder that "
      "`isomerge statistics` wrote",
      recipe.method);
}

// Masks that are given stand in for those that lambdas make.
void add_mask_problems(const Recipe& recipe, std::vector<std::string>& facts) {
  if (recipe.method != "consensus_ta") {
    facts.push_back(fmt::format("masks are for consensus_ta, the method is \"{}\"", recipe.method));
  }
  for (const char* option : {"lambda", "lambdas"}) {
    if (!recipe.options.contains(option)) continue;
    facts.push_back(fmt::format("option \"{}\" makes masks, but masks are given: {}", option,
                                recipe.masks.string()));
  }
}

}  // namespace

std::string precision_text(Precision precision) {
  return kPrecisions[static_cast<size_t>(precision)];
}

std::string attention_text(bool is_split) { return kAttention[is_split ? 1 : 0]; }

bool parse_attention(const std::string& text) {
  return require_index(text, kAttention, "attention") == 1;
}

Precision parse_precision(const std::string& text) {
  return static_cast<Precision>(require_index(text, kPrecisions, "precision"));
}

std::string output_dtype_text(OutputDtype dtype) {
  return kOutputDtypes[static_cast<size_t>(dtype)];
}

OutputDtype parse_output_dtype(const std::string& text) {
  return static_cast<OutputDtype>(require_index(text, kOutputDtypes, "dtype"));
}

std::pair<std::string, std::filesystem::path> parse_expert(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos || equals + 1 == text.size() || !is_task_name(name)) {
    throw input_error(
        fmt::format("expert \"{}\": expected NAME=PATH with a name of [a-z0-9_]+", text));
  }
  return {name, text.substr(equals + 1)};
}

bool is_task_name(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

Recipe read_recipe(const std::filesystem::path& path, const Settings& set) {
  Problems problems;
  JsonValue json = read_json(path, problems);
  Variables variables(set);
  variables.expand(json, path, problems);
  ObjectReader reader(json, "the recipe", path, problems);

  Recipe recipe;
  recipe.method = reader.find_choice("method", "", merging_method_names());
  read_options(reader, recipe, problems);
  recipe.alpha = reader.find_number("alpha");
  read_grid(reader, recipe, problems);
  recipe.precision = parse_precision(reader.find_choice("precision", "fp32", kPrecisions));
  recipe.exclude = reader.find_strings("exclude");
  recipe.average = reader.find_strings("average");
  recipe.split_attention = parse_attention(reader.find_choice("attention", "packed", kAttention));
  recipe.base = read_path(reader, "base", Files::kMustExist, problems);
  read_experts(reader, recipe, problems);
  recipe.out = read_path(reader, "out", Files::kMayBeMissing, problems);
  recipe.statistics = read_path(reader, "statistics", Files::kMustExist, problems);
  recipe.masks = read_path(reader, "masks", Files::kMustExist, problems);
  recipe.dtype = parse_output_dtype(reader.find_choice("dtype", "as_base", kOutputDtypes));
  recipe.update_only = reader.find_bool("update_only", false);
  recipe.adapter_rank = reader.find_int("adapter_rank", 0, 0);
  reader.finish();
  problems.throw_if_any();
  return recipe;
}

std::vector<Recipe> expand_grid(const Recipe& recipe) {
  for (const GridAxis& axis : recipe.grid) require_fitting_axis(recipe, axis);
  std::vector<Recipe> out;
  for (const Options& point : multiply(recipe.grid)) {
    Recipe one = recipe;
    one.grid.clear();
    for (const auto& [name, value] : point) set_value(name, value, one);
    out.push_back(std::move(one));
  }
  return out;
}

void require_complete(const Recipe& recipe) {
  std::vector<std::string> facts;
  if (recipe.method.empty()) {
    facts.push_back("no method given; known: " + join(merging_method_names(), ", "));
  } else {
    try {
      const MethodInfo& method = require_method_info(recipe.method);
      if (!method.merges) facts.push_back(fmt::format("method {} merges nothing", method.name));
      const Options options = resolve_options(method, recipe.options);
      const auto problem = find_count_problem(method, options, recipe.experts.size());
      if (problem && !recipe.experts.empty()) facts.push_back(*problem);
    } catch (const Error& error) {
      facts.push_back(error.what());
    }
  }
  if (recipe.base.empty()) facts.push_back("no base given");
  if (recipe.experts.empty()) facts.push_back("no expert given");
  if (recipe.out.empty()) facts.push_back("no output given");
  if (needs_statistics(recipe)) facts.push_back(statistics_hint(recipe));
  if (!recipe.masks.empty()) add_mask_problems(recipe, facts);
  if (recipe.adapter_rank > 0) add_adapter_problems(recipe, facts);
  add_doubles(recipe, facts);
  if (facts.size() == 1) throw input_error(facts.front());
  if (!facts.empty()) {
    throw input_error(fmt::format("{} problems:\n  {}", facts.size(), join(facts, "\n  ")));
  }
}

}  // namespace isomerge
