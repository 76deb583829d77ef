#include "config/variables.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace isomerge {

std::optional<std::string> Variables::find(const std::string& name) {
  const auto given = set_.find(name);
  if (given != set_.end()) {
    used_.insert(name);
    return given->second;
  }
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return {};
  return value;
}

std::string Variables::expand_text(const JsonValue& value, const std::filesystem::path& file,
                                   Problems& problems) {
  const std::string& text = value.text;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = text.find("${", at);
    const size_t end = start == std::string::npos ? start : text.find('}', start);
    if (end == std::string::npos) {
      if (start != std::string::npos) problems.add(file, value.line, "\"${\" without \"}\"");
      return out + text.substr(at);
    }
    const std::string name = text.substr(start + 2, end - start - 2);
    const std::optional<std::string> replacement = find(name);
    if (!replacement) {
      problems.add(file, value.line,
                   fmt::format("${{{0}}} has no value; set the environment variable {0} or give "
                               "--set {0}=VALUE",
                               name));
    }
    out += text.substr(at, start - at) + replacement.value_or("");
    at = end + 1;
  }
  return out;
}

void Variables::expand(JsonValue& value, const std::filesystem::path& file, Problems& problems) {
  if (value.is(JsonValue::Kind::kString)) value.text = expand_text(value, file, problems);
  for (JsonValue& item : value.items) expand(item, file, problems);
  for (JsonMember& member : value.members) expand(member.value, file, problems);
}

std::filesystem::path resolve_path(const std::string& text, const std::filesystem::path& file,
                                   int line, Files files, Problems& problems) {
  if (text.empty()) return {};  // reported by whoever read the text
  const std::filesystem::path path =
      (std::filesystem::absolute(file).parent_path() / text).lexically_normal();
  if (files == Files::kMustExist) require_existing(path, file, line, problems);
  return path;
}

void require_existing(const std::filesystem::path& path, const std::filesystem::path& file,
                      int line, Problems& problems) {
  std::error_code ignored;  // what may not be looked at counts as missing
  if (std::filesystem::exists(path, ignored)) return;
  std::vector<std::string> neighbours;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), ignored)) {
    neighbours.push_back(entry.path().filename().string());
  }
  std::sort(neighbours.begin(), neighbours.end());
  problems.add(file, line,
               fmt::format("no such file: {}{}", path.string(),
                           nearest_hint(path.filename().string(), neighbours)));
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return !a.empty() && std::filesystem::weakly_canonical(a, ignored) ==
                           std::filesystem::weakly_canonical(b, ignored);
}

}  // namespace isomerge
