// train/trained_parameters.h -- which parameters of a module a recipe trains.
#pragma once

#include "checkpoint/tensor_info.h"
#include "train/training_recipe.h"

namespace isomerge {

// Those of `parameters` that recipe.trainable names, all if it names none; with LoRA the targets of
// its factors (train/lora.h). Throws Error(kInput): a glob that fits none, or what lora_targets()
// throws.
Weights trained_parameters(Weights parameters, const TrainingRecipe& recipe);

}  // namespace isomerge
