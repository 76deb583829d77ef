#include "train/training_recipe.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr int64_t kMost = 1'000'000'000;  // products of two of them fit 64 bits

void require_whole(const char* name, int64_t value, int64_t least) {
  if (value >= least && value <= kMost) return;
  throw input_error(
      fmt::format("{}: expected a whole number from {} to {}, got {}", name, least, kMost, value));
}

// NaN fails too.
void require_above_zero(const char* name, double value) {
  if (value > 0.0 && std::isfinite(value)) return;
  throw input_error(fmt::format("{}: expected a number above 0, got {}", name, number_text(value)));
}

}  // namespace

void require_valid(const TrainingRecipe& recipe) {
  if (recipe.steps.has_value() == recipe.epochs.has_value()) {
    throw input_error(
        fmt::format("expected either steps or epochs, got {}", recipe.steps ? "both" : "neither"));
  }
  require_whole("steps", recipe.steps.value_or(1), 1);
  require_whole("epochs", recipe.epochs.value_or(1), 1);
  require_whole("batch", recipe.batch, 1);
  require_whole("warmup", recipe.warmup, 0);
  require_whole("shift", recipe.shift, 0);
  require_whole("seed", recipe.seed, 0);
  require_above_zero("lr", recipe.learning_rate);
  require_above_zero("clip", recipe.optimizer.clip);
  require_whole("lora", recipe.lora.rank, 0);
  require_above_zero("lora_alpha", recipe.lora.alpha.value_or(1.0));
  if (recipe.lora.rank == 0 && (recipe.lora.alpha || !recipe.lora.targets.empty())) {
    throw input_error("lora_alpha and lora_targets are for LoRA: give its rank, lora");
  }
  if (recipe.lora.rank > 0 && !recipe.trainable.empty()) {
    throw input_error("trainable: LoRA trains its factors alone; choose them by lora_targets");
  }
  const double decay = recipe.optimizer.weight_decay;
  if (!(decay >= 0.0 && std::isfinite(decay))) {
    throw input_error(
        fmt::format("weight_decay: expected a number of at least 0, got {}", number_text(decay)));
  }
}

TrainingRecipe in_steps(TrainingRecipe recipe, int64_t examples) {
  if (recipe.epochs) {
    recipe.steps = (*recipe.epochs * examples + recipe.batch - 1) / recipe.batch;
    recipe.epochs.reset();
  }
  if (recipe.warmup > *recipe.steps) {
    throw input_error(fmt::format("warmup: expected at most the {} steps of the whole run, got {}",
                                  *recipe.steps, recipe.warmup));
  }
  return recipe;
}

std::string recipe_text(const TrainingRecipe& recipe) {
  std::string text =
      fmt::format("steps={}/batch={}/lr={}/weight_decay={}/warmup={}/clip={}/shift={}/seed={}",
                  recipe.steps.value(), recipe.batch, number_text(recipe.learning_rate),
                  number_text(recipe.optimizer.weight_decay), recipe.warmup,
                  number_text(recipe.optimizer.clip), recipe.shift, recipe.seed);
  if (!recipe.trainable.empty()) text += "/trainable=" + join(recipe.trainable, ",");
  if (const LoraOptions& lora = recipe.lora; lora.rank > 0) {
    const auto rank = static_cast<double>(lora.rank);
    text +=
        fmt::format("/lora={}/lora_alpha={}", lora.rank, number_text(lora.alpha.value_or(rank)));
    if (!lora.targets.empty()) text += "/lora_targets=" + join(lora.targets, ",");
  }
  return text;
}

}  // namespace isomerge
