#include "analysis/selection.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "task/updates.h"

namespace isomerge {
namespace {

std::vector<TensorInfo> selected(const std::vector<TensorInfo>& tensors, const Selection& selection,
                                 bool only_matrices) {
  const RoleRules roles{selection.exclude, {}};
  roles.require_matches(tensors);
  std::vector<bool> fits(selection.include.size(), false);
  std::vector<TensorInfo> out;
  for (const TensorInfo& info : tensors) {
    const Role role = roles.role_of(info);
    if (role != Role::kMatrix && (only_matrices || role != Role::kOther)) continue;
    bool is_included = selection.include.empty();
    for (size_t i = 0; i < fits.size(); ++i) {
      if (!glob_matches(selection.include[i], info.name)) continue;
      fits[i] = is_included = true;
    }
    if (is_included) out.push_back(info);
  }
  const char* kind = only_matrices ? "matrices" : "floating tensors";
  for (size_t i = 0; i < fits.size(); ++i) {
    if (fits[i]) continue;
    throw input_error(fmt::format(
        "--include \"{}\" fits none of the {} that are left; `isomerge inspect` lists their names",
        selection.include[i], kind));
  }
  if (out.empty()) throw input_error(fmt::format("no {} to analyse", kind));
  return out;
}

bool is_number(const std::string& part) {
  return !part.empty() && std::all_of(part.begin(), part.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// A run of digits by its value, everything else by its bytes. A longer run without leading zeros
// has the larger value.
auto order_key(const std::string& text, size_t* at) {
  const size_t start = *at;
  const auto digit = [&](size_t i) {
    return std::isdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  const bool is_digits = digit(start);
  while (*at < text.size() && digit(*at) == is_digits) ++*at;
  std::string run = text.substr(start, *at - start);
  if (is_digits) run.erase(0, std::min(run.find_first_not_of('0'), run.size() - 1));
  return std::tuple(!is_digits, is_digits ? run.size() : size_t{0}, run);
}

}  // namespace

std::vector<TensorInfo> selected_matrices(const std::vector<TensorInfo>& tensors,
                                          const Selection& selection) {
  return selected(tensors, selection, /*only_matrices=*/true);
}

std::vector<TensorInfo> selected_floating(const std::vector<TensorInfo>& tensors,
                                          const Selection& selection) {
  return selected(tensors, selection, /*only_matrices=*/false);
}

std::string group_of(const std::string& name, Grouping grouping) {
  if (grouping == Grouping::kModel) return "model";
  if (grouping == Grouping::kMatrix) return name;
  const std::vector<std::string> parts = split(name, '.');
  const auto number = std::find_if(parts.begin(), parts.end(), is_number);
  if (number == parts.end() || number + 1 == parts.end()) return name;
  return grouping == Grouping::kLayer ? join({parts.begin(), number + 1}, ".")
                                      : join({number + 1, parts.end()}, ".");
}

bool NaturalOrder::operator()(const std::string& a, const std::string& b) const {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const auto left = order_key(a, &i), right = order_key(b, &j);
    if (left != right) return left < right;
  }
  return std::pair(a.size() - i, a) < std::pair(b.size() - j, b);
}

std::vector<GroupMean> group_means(const std::vector<TensorValues>& tensors, Grouping grouping) {
  std::map<std::string, std::vector<const Values*>, NaturalOrder> groups;
  for (const TensorValues& tensor : tensors) {
    groups[group_of(tensor.name, grouping)].push_back(&tensor.values);
  }
  std::vector<GroupMean> means;
  for (const auto& [group, members] : groups) {
    GroupMean mean{group, static_cast<int64_t>(members.size()), Values(members.front()->size())};
    for (size_t i = 0; i < mean.values.size(); ++i) {
      double sum = 0.0;
      int64_t known = 0;
      for (const Values* values : members) {
        if (!(*values)[i]) continue;
        sum += *(*values)[i];
        ++known;
      }
      if (known > 0) mean.values[i] = sum / static_cast<double>(known);
    }
    means.push_back(std::move(mean));
  }
  return means;
}

}  // namespace isomerge
