// config/json_reader.h -- JSON with comments as a tree that knows its lines, and strict reading of
// it: every problem of a file is collected, then thrown as one Error(kInput).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/problems.h"

namespace isomerge {

struct JsonMember;

struct JsonValue {
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kList, kObject };

  Kind kind = Kind::kNull;
  int line = 0;  // where the value ends its first token, 1-based; 0: not from a file
  bool boolean = false;
  int64_t integer = 0;
  double number = 0.0;              // of kInt too
  std::string text;                 // kString
  std::vector<JsonValue> items;     // kList
  std::vector<JsonMember> members;  // kObject, in the file's order, keys unique

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_number() const { return kind == Kind::kInt || kind == Kind::kDouble; }
};

struct JsonMember {
  std::string key;
  int line = 0;
  JsonValue value;
};

// "a number", "a list": for messages.
std::string kind_text(const JsonValue& value);

// Parses JSON with // and /* */ comments. A syntax error throws Error(kInput) with file and line;
// duplicate keys are added to `problems` and the first one is kept. At most 64 levels deep.
JsonValue parse_json(const std::string& text, const std::filesystem::path& file,
                     Problems& problems);
JsonValue read_json(const std::filesystem::path& file, Problems& problems);

// The members of one object, asked for one by one. What nobody asked for by the time of finish() is
// an unknown key, reported with the nearest of the keys that were asked for.
class ObjectReader {
 public:
  // A value that is no object is a problem, and reads as an empty object.
  ObjectReader(const JsonValue& value, std::string what, std::filesystem::path file,
               Problems& problems);

  const JsonValue* find(const std::string& key);     // null if absent
  const JsonValue* require(const std::string& key);  // null and a problem if absent

  // The value's text, number, ... or the fallback if absent; a wrong type is a problem.
  std::string find_string(const std::string& key, const std::string& fallback);
  std::string require_string(const std::string& key);
  int64_t find_int(const std::string& key, int64_t fallback, int64_t minimum);
  std::optional<double> find_number(const std::string& key);
  bool find_bool(const std::string& key, bool fallback);
  std::string find_choice(const std::string& key, const std::string& fallback,
                          const std::vector<std::string>& choices);
  std::vector<std::string> find_strings(const std::string& key);  // a string or a list of strings

  void finish() const;
  void problem(int line, const std::string& fact) const { problems_.add(file_, line, fact); }
  const std::filesystem::path& file() const { return file_; }

 private:
  // `value` if it is of that kind; else null, and a problem unless it is absent anyway.
  const JsonValue* of_kind(const std::string& key, const JsonValue* value, JsonValue::Kind kind,
                           const std::string& expected) const;

  const JsonValue& value_;
  std::string what_;
  std::filesystem::path file_;
  Problems& problems_;
  std::set<std::string> asked_;
};

}  // namespace isomerge
