// analysis/names.h -- what the choices of an analysis are called, on the command line, in
// experiment files and in outputs.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "analysis/rank_choice.h"
#include "analysis/selection.h"
#include "analysis/singular_space.h"

namespace isomerge {

template <typename Choice>
using Names = std::vector<std::pair<Choice, std::string>>;

const Names<Side>& side_names();          // "left", "right", "both"
const Names<Grouping>& grouping_names();  // "matrix", "layer", "module", "model"
const Names<RankRule>& rule_names();      // "paper", "code"

template <typename Choice>
std::string name_in(const Names<Choice>& names, Choice wanted) {
  return std::find_if(names.begin(), names.end(),
                      [&](const auto& known) { return known.first == wanted; })
      ->second;
}

// The name of a choice; the choice of a name. A name that is not there is Error(kInternal): whoever
// takes names from a person has checked them.
std::string name_of(Side side);
std::string name_of(Grouping grouping);
Side require_side(const std::string& name);
Grouping require_grouping(const std::string& name);
RankRule require_rule(const std::string& name);

}  // namespace isomerge
