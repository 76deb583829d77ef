#include "dataset/text_set.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace isomerge {
namespace {

using Json = nlohmann::json;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\n\v\f\r") == std::string_view::npos;
}

std::string require_text(const Json& json, const std::string& what) {
  if (!json.is_string())
    throw input_error(fmt::format("{}: expected a text, got {}", what, json.dump()));
  auto text = json.get<std::string>();
  if (is_blank(text)) throw input_error(what + " is empty");
  return text;
}

std::vector<std::string> require_texts(const Json& json, const std::string& key, size_t least) {
  if (!json.is_array() || json.size() < least) {
    throw input_error(fmt::format("\"{}\": expected a list of at least {} text{}, got {}", key,
                                  least, least == 1 ? "" : "s",
                                  json.is_array() ? std::to_string(json.size()) : json.dump()));
  }
  std::vector<std::string> texts;
  for (const Json& item : json) {
    texts.push_back(require_text(item, fmt::format("\"{}\", number {}", key, texts.size() + 1)));
  }
  return texts;
}

const Json& require_key(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end()) throw input_error(fmt::format("\"{}\" is missing", key));
  return *found;
}

void require_known_keys(const Json& json) {
  static const std::vector<std::string> kKnown = {"split",  "prompt",  "choices",
                                                  "answer", "answers", "template"};
  for (const auto& [key, value] : json.items()) {
    if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end()) {
      throw input_error(fmt::format("unknown key \"{}\"{}", key, nearest_hint(key, kKnown)));
    }
  }
}

TextExample example_of(const Json& json) {
  if (!json.is_object()) throw input_error("expected an object, got " + json.dump());
  require_known_keys(json);
  TextExample example;
  example.prompt = require_text(require_key(json, "prompt"), "\"prompt\"");
  if (json.contains("answers")) {
    if (json.contains("choices")) throw input_error("both \"choices\" and \"answers\"");
    example.answers = require_texts(json.at("answers"), "answers", 1);
    return example;
  }
  if (!json.contains("choices")) {
    throw input_error("neither \"choices\" nor \"answers\": nothing can be answered");
  }
  example.choices = require_texts(json.at("choices"), "choices", 2);
  const Json& answer = require_key(json, "answer");
  const auto count = static_cast<int64_t>(example.choices.size());
  example.answer = answer.is_number_integer() ? answer.get<int64_t>() : -1;
  if (example.answer < 0 || example.answer >= count) {
    throw input_error(fmt::format("\"answer\": expected 0 to {}, the position of a choice, got {}",
                                  count - 1, answer.dump()));
  }
  return example;
}

}  // namespace

TextSet::TextSet(std::filesystem::path path) : path_(std::move(path)) {
  const std::string text = read_text_file(path_);
  std::vector<std::string> names;  // of splits, in order of appearance
  std::map<std::string, std::vector<TextExample>> by_split;
  int64_t line = 0;
  bool has_choices = false;
  for (const std::string& part : split(text, '\n')) {
    ++line;
    if (is_blank(part)) continue;
    const std::string place = fmt::format("{}:{}", path_.string(), line);
    try {
      const Json json = Json::parse(part);
      TextExample example = example_of(json);
      example.line = line;
      if (names.empty()) has_choices = !example.choices.empty();
      if (has_choices == example.choices.empty()) {
        throw input_error("examples with choices and with answers to be written in one file");
      }
      const std::string name = require_text(require_key(json, "split"), "\"split\"");
      if (by_split[name].empty()) names.push_back(name);
      by_split[name].push_back(std::move(example));
    } catch (const Json::exception& error) {
      throw input_error(fmt::format("{}: not a line of JSON: {}", place, error.what()));
    } catch (const Error& error) {
      throw error.during(place);
    }
  }
  if (names.empty()) throw input_error(path_.string() + ": expected examples, the file has none");
  for (const std::string& name : names) {
    const auto begin = static_cast<int64_t>(examples_.size());
    for (TextExample& example : by_split[name]) examples_.push_back(std::move(example));
    splits_.push_back({name, begin, static_cast<int64_t>(examples_.size())});
  }
}

}  // namespace isomerge
