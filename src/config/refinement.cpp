#include "config/refinement.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"
#include "config/grid.h"

namespace isomerge {
namespace {

bool is_integer(const Candidate& candidate, const std::string& axis) {
  return axis != "alpha" && std::holds_alternative<int64_t>(candidate.options.at(axis));
}

Candidate with_value(Candidate candidate, const std::string& axis, double value) {
  if (axis == "alpha") {
    candidate.alpha = value;
  } else if (is_integer(candidate, axis)) {
    candidate.options[axis] = static_cast<int64_t>(value);
  } else {
    candidate.options[axis] = value;
  }
  return candidate;
}

// As a person would write it: 0.35, not 0.35000000000000003.
double half_way(double a, double b) {
  return parse_number(fmt::format("{:.10g}", (a + b) / 2)).value();
}

}  // namespace

std::optional<double> axis_value(const Candidate& candidate, const std::string& axis) {
  if (axis == "alpha") return candidate.alpha;
  const auto found = candidate.options.find(axis);
  return found == candidate.options.end() ? std::nullopt : number_of(found->second);
}

std::vector<Candidate> candidates_around(const Row& row, size_t best,
                                         const std::vector<std::string>& axes) {
  const Candidate& center = row.candidates.at(best);
  std::vector<Candidate> found;
  for (const std::string& axis : axes) {
    const std::optional<double> value = axis_value(center, axis);
    if (!value) continue;
    std::optional<double> below, above;
    for (const Candidate& candidate : row.candidates) {
      const std::optional<double> other = axis_value(candidate, axis);
      if (!other) continue;
      if (*other < *value && (!below || *other > *below)) below = other;
      if (*other > *value && (!above || *other < *above)) above = other;
    }
    for (const auto& neighbour : {below, above}) {
      if (!neighbour) continue;
      Candidate candidate = with_value(center, axis, half_way(*value, *neighbour));
      const auto is_known = [&](const std::vector<Candidate>& known) {
        return std::find(known.begin(), known.end(), candidate) != known.end();
      };
      if (!is_known(row.candidates) && !is_known(found)) found.push_back(std::move(candidate));
    }
  }
  return found;
}

Row refined_row(Row row, const Select& select,
                const std::function<std::optional<size_t>(const Row&)>& best) {
  if (row.candidates.size() < 2) return row;
  for (int64_t round = 0; round < select.refine; ++round) {
    const std::optional<size_t> center = best(row);
    if (!center) break;
    const std::vector<Candidate> more = candidates_around(row, *center, select.axes);
    if (more.empty()) break;
    row.candidates.insert(row.candidates.end(), more.begin(), more.end());
    row.refined += more.size();
  }
  return row;
}

}  // namespace isomerge
