#include "analysis/names.h"

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

template <typename Choice>
Choice choice_of(const Names<Choice>& names, const std::string& wanted) {
  for (const auto& [choice, name] : names) {
    if (name == wanted) return choice;
  }
  throw Error(Fault::kInternal, fmt::format("no choice is called \"{}\"", wanted));
}

}  // namespace

const Names<Side>& side_names() {
  static const Names<Side> names = {
      {Side::kLeft, "left"}, {Side::kRight, "right"}, {Side::kBoth, "both"}};
  return names;
}

const Names<Grouping>& grouping_names() {
  static const Names<Grouping> names = {{Grouping::kMatrix, "matrix"},
                                        {Grouping::kLayer, "layer"},
                                        {Grouping::kModule, "module"},
                                        {Grouping::kModel, "model"}};
  return names;
}

const Names<RankRule>& rule_names() {
  static const Names<RankRule> names = {{RankRule::kPaper, "paper"}, {RankRule::kCode, "code"}};
  return names;
}

std::string name_of(Side side) { return name_in(side_names(), side); }
std::string name_of(Grouping grouping) { return name_in(grouping_names(), grouping); }
Side require_side(const std::string& name) { return choice_of(side_names(), name); }
Grouping require_grouping(const std::string& name) { return choice_of(grouping_names(), name); }
RankRule require_rule(const std::string& name) { return choice_of(rule_names(), name); }

}  // namespace isomerge
