// The parsing half of json_reader.h: text -> JsonValue. nlohmann keeps no lines, so its SAX parser
// runs over an iterator that counts them.
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "config/json_reader.h"

namespace isomerge {
namespace {

constexpr size_t kMaxDepth = 64;

// Walks over characters and tells, in a counter outside (the parser copies iterators), on which
// line the last one read was. A line's end belongs to the line that it ends: the parser reads one
// character past a number, which is often just that.
class LineIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  LineIterator(const char* at, int* line) : at_(at), line_(line) {}

  reference operator*() const { return *at_; }
  LineIterator& operator++() {
    if (after_line_end_) ++*line_;
    after_line_end_ = *at_ == '\n';
    ++at_;
    return *this;
  }
  LineIterator operator++(int) {
    LineIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const LineIterator& other) const { return at_ == other.at_; }
  bool operator!=(const LineIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  int* line_;
  bool after_line_end_ = false;
};

// Builds the tree. Its member functions are named by nlohmann's SAX interface.
class TreeBuilder {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  TreeBuilder(const int* line, std::filesystem::path file, Problems* problems)
      : line_(line), file_(std::move(file)), problems_(problems) {}

  JsonValue take() { return std::move(root_); }

  bool null() { return add(make(JsonValue::Kind::kNull)); }
  bool boolean(bool value) {
    JsonValue made = make(JsonValue::Kind::kBool);
    made.boolean = value;
    return add(std::move(made));
  }
  bool number_integer(number_integer_t value) {
    JsonValue made = make(JsonValue::Kind::kInt);
    made.integer = value;
    made.number = static_cast<double>(value);
    return add(std::move(made));
  }
  bool number_unsigned(number_unsigned_t value) {
    if (value <= static_cast<number_unsigned_t>(INT64_MAX)) {
      return number_integer(static_cast<number_integer_t>(value));
    }
    return number_float(static_cast<double>(value), "");
  }
  bool number_float(number_float_t value, const string_t&) {
    JsonValue made = make(JsonValue::Kind::kDouble);
    made.number = value;
    return add(std::move(made));
  }
  bool string(string_t& value) {
    JsonValue made = make(JsonValue::Kind::kString);
    made.text = std::move(value);
    return add(std::move(made));
  }
  bool binary(binary_t&) { return false; }  // JSON text has none
  bool start_object(std::size_t) { return open(JsonValue::Kind::kObject); }
  bool start_array(std::size_t) { return open(JsonValue::Kind::kList); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    keys_.back() = {std::move(name), *line_, {}};
    return true;
  }
  template <class Exception>
  bool parse_error(std::size_t, const std::string&, const Exception& error) {
    // "[json.exception...] parse error at line 1, column 7: syntax error ...": only the last part.
    const std::string text = error.what();
    const size_t fact = text.find(": ");
    throw input_error(fmt::format("{}: line {}: not valid JSON: {}", file_.string(), *line_,
                                  fact == std::string::npos ? text : text.substr(fact + 2)));
  }

 private:
  JsonValue make(JsonValue::Kind kind) const {
    JsonValue value;
    value.kind = kind;
    value.line = *line_;
    return value;
  }

  bool open(JsonValue::Kind kind) {
    if (open_.size() == kMaxDepth) {
      throw input_error(fmt::format("{}: line {}: nested more than {} levels deep", file_.string(),
                                    *line_, kMaxDepth));
    }
    open_.push_back(make(kind));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    JsonValue done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return add(std::move(done));
  }

  bool add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is(JsonValue::Kind::kList)) {
      open_.back().items.push_back(std::move(value));
    } else {
      add_member(std::move(value));
    }
    return true;
  }

  void add_member(JsonValue value) {
    JsonMember member = keys_.back();
    member.value = std::move(value);
    for (const JsonMember& earlier : open_.back().members) {
      if (earlier.key != member.key) continue;
      problems_->add(
          file_, member.line,
          fmt::format("key \"{}\" given twice, first in line {}", member.key, earlier.line));
      return;
    }
    open_.back().members.push_back(std::move(member));
  }

  const int* line_;
  std::filesystem::path file_;
  Problems* problems_;
  JsonValue root_;
  std::vector<JsonValue> open_;   // from the root inwards
  std::vector<JsonMember> keys_;  // the key being read in each of them
};

}  // namespace

JsonValue parse_json(const std::string& text, const std::filesystem::path& file,
                     Problems& problems) {
  int line = 1;
  TreeBuilder builder(&line, file, &problems);
  nlohmann::json::sax_parse(LineIterator(text.data(), &line),
                            LineIterator(text.data() + text.size(), &line), &builder,
                            nlohmann::json::input_format_t::json, /*strict=*/true,
                            /*ignore_comments=*/true);
  return builder.take();
}

JsonValue read_json(const std::filesystem::path& file, Problems& problems) {
  return parse_json(read_text_file(file), file, problems);
}

}  // namespace isomerge
