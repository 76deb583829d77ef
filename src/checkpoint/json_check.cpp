#include "checkpoint/json_check.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace isomerge {
namespace {

using Json = nlohmann::json;

// Told of every token; false ends the parse.
class Watch : public nlohmann::json_sax<Json> {
 public:
  explicit Watch(std::string_view text, size_t max_depth) : text_(text), max_depth_(max_depth) {}

  const std::optional<std::string>& fault() const { return fault_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool start_object(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second) fault_ = fmt::format("\"{}\" appears twice", key);
    return !fault_;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(position, text_.size()));
    fault_ =
        fmt::format("it is not valid JSON (line {})", std::count(text_.begin(), end, '\n') + 1);
    return false;
  }

 private:
  bool open() {
    keys_.emplace_back();
    if (keys_.size() > max_depth_) fault_ = "it is nested too deeply";
    return !fault_;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view text_;
  size_t max_depth_;
  std::vector<std::set<std::string>> keys_;  // of the objects and lists that are open
  std::optional<std::string> fault_;
};

}  // namespace

std::optional<std::string> find_json_fault(std::string_view text, size_t max_depth) {
  Watch watch(text, max_depth);
  Json::sax_parse(text, &watch);
  return watch.fault();
}

}  // namespace isomerge
