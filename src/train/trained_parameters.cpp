#include "train/trained_parameters.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {

Weights trained_parameters(Weights parameters, const TrainingRecipe& recipe) {
  if (recipe.lora.rank > 0) return lora_targets(parameters, recipe.lora);
  const std::vector<std::string>& globs = recipe.trainable;
  for (const std::string& glob : globs) {
    const bool is_used = std::any_of(parameters.begin(), parameters.end(),
                                     [&](const auto& it) { return glob_matches(glob, it.first); });
    if (!is_used) throw input_error(fmt::format("trainable \"{}\": no such parameter", glob));
  }
  std::erase_if(parameters, [&](const auto& it) {
    return !globs.empty() && std::none_of(globs.begin(), globs.end(), [&](const auto& glob) {
      return glob_matches(glob, it.first);
    });
  });
  return parameters;
}

}  // namespace isomerge
