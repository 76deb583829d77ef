// train/training_recipe.h -- how an expert is trained: the numbers that decide, with their
// defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "train/lora.h"
#include "train/optimizer.h"

namespace isomerge {

// Defaults: the recipe of the papers' vision experts (Ilharco et al., arXiv:2212.04089).
struct TrainingRecipe {
  std::optional<int64_t> steps;   // updates; either this
  std::optional<int64_t> epochs;  // or this
  int64_t batch = 128;            // examples of an update
  double learning_rate = 1e-5;    // its peak
  int64_t warmup = 500;           // steps
  OptimizerOptions optimizer;
  int64_t shift = 0;  // images are moved by up to so many pixels in each direction
  int64_t seed = 0;   // of order, moves and LoRA's first factors
  std::vector<std::string> trainable = {};  // globs of the parameters trained; empty: all
  LoraOptions lora = {};
};

// Throws Error(kInput) that names the first number that makes no sense: neither or both of steps
// and epochs, one of them, batch, learning rate, clip or LoRA's alpha not above 0, another one
// negative, a whole number above 10^9; or `trainable` beside LoRA, or LoRA's options without it.
void require_valid(const TrainingRecipe& recipe);

// The recipe with steps instead of epochs: enough of them that every one of `examples` was seen so
// often. Throws Error(kInput) if there are fewer steps than warm-up.
TrainingRecipe in_steps(TrainingRecipe recipe, int64_t examples);

// "steps=625/batch=64/lr=0.0003/weight_decay=0.05/warmup=100/clip=1/shift=2/seed=0", and where not
// all parameters are trained "/trainable=*.ia3_l,*norm*".
std::string recipe_text(const TrainingRecipe& recipe);

}  // namespace isomerge
