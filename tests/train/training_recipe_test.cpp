#include "train/training_recipe.h"

#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

TrainingRecipe small() {
  TrainingRecipe recipe;
  recipe.steps = 20;
  recipe.batch = 7;
  recipe.warmup = 5;
  return recipe;
}

// spec of the papers' experts: AdamW, 1e-5, decay 0.1, 500 steps of warm-up, batch 128, clip 1.
TEST(TrainingRecipe, DefaultsAreThePapers) {
  TrainingRecipe recipe;
  recipe.steps = 4000;
  EXPECT_EQ(recipe_text(recipe),
            "steps=4000/batch=128/lr=1e-05/weight_decay=0.1/warmup=500/clip=1/shift=0/seed=0");
}

TEST(TrainingRecipe, EveryNumberIsInItsText) {
  TrainingRecipe recipe{.steps = 625,
                        .epochs = {},
                        .batch = 64,
                        .learning_rate = 3e-4,
                        .warmup = 100,
                        .optimizer = {.weight_decay = 0.05, .clip = 0.5},
                        .shift = 2,
                        .seed = 9};
  EXPECT_EQ(recipe_text(recipe),
            "steps=625/batch=64/lr=0.0003/weight_decay=0.05/warmup=100/clip=0.5/shift=2/seed=9");
}

TEST(TrainingRecipe, EpochsBecomeAsManyStepsAsShowEveryExampleSoOften) {
  TrainingRecipe recipe = small();
  recipe.steps.reset();
  recipe.epochs = 3;
  EXPECT_EQ(in_steps(recipe, 14).steps, 6);
  EXPECT_EQ(in_steps(recipe, 15).steps, 7);
  EXPECT_FALSE(in_steps(recipe, 14).epochs.has_value());
  EXPECT_EQ(in_steps(small(), 1000).steps, 20);
}

TEST(TrainingRecipe, RefusesMoreWarmUpThanSteps) {
  TrainingRecipe recipe = small();
  recipe.warmup = 20;
  EXPECT_NO_THROW(in_steps(recipe, 10));
  recipe.warmup = 21;
  expect_mentions(error_message([&] { in_steps(recipe, 10); }),
                  {"warmup: expected at most the 20 steps", "got 21"});
}

TEST(TrainingRecipe, NamesTheNumberThatMakesNoSense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const struct {
    std::function<void(TrainingRecipe&)> edit;
    const char* message;
  } cases[] = {
      {[](auto& r) { r.epochs = 2; }, "either steps or epochs, got both"},
      {[](auto& r) { r.steps.reset(); }, "either steps or epochs, got neither"},
      {[](auto& r) { r.steps = 0; }, "steps: expected a whole number from 1 to 1000000000, got 0"},
      {[](auto& r) { r.steps.reset(), r.epochs = -1; }, "epochs: expected"},
      {[](auto& r) { r.batch = 0; }, "batch: expected"},
      {[](auto& r) { r.batch = 1'000'000'001; }, "batch: expected"},
      {[](auto& r) { r.warmup = -1; }, "warmup: expected a whole number from 0"},
      {[](auto& r) { r.shift = -1; }, "shift: expected"},
      {[](auto& r) { r.seed = -1; }, "seed: expected"},
      {[](auto& r) { r.learning_rate = 0; }, "lr: expected a number above 0, got 0"},
      {[](auto& r) { r.learning_rate = -1e-3; }, "lr: expected a number above 0, got -0.001"},
      {[&](auto& r) { r.learning_rate = nan; }, "lr: expected"},
      {[&](auto& r) { r.learning_rate = infinite; }, "lr: expected"},
      {[](auto& r) { r.optimizer.clip = 0; }, "clip: expected a number above 0, got 0"},
      {[](auto& r) { r.optimizer.weight_decay = -0.1; }, "weight_decay: expected a number of at"},
      {[&](auto& r) { r.optimizer.weight_decay = nan; }, "weight_decay: expected"},
      {[](auto& r) { r.lora.rank = -1; }, "lora: expected a whole number from 0"},
      {[](auto& r) { r.lora.rank = 1, r.lora.alpha = 0; }, "lora_alpha: expected a number above 0"},
      {[&](auto& r) { r.lora.rank = 1, r.lora.alpha = nan; }, "lora_alpha: expected"},
      {[](auto& r) { r.lora.alpha = 1; }, "for LoRA: give its rank"},
      {[](auto& r) { r.lora.targets = {"*"}; }, "for LoRA: give its rank"},
      {[](auto& r) { r.lora.rank = 1, r.trainable = {"*"}; }, "trainable: LoRA trains its factors"},
  };
  EXPECT_NO_THROW(require_valid(small()));
  for (const auto& one : cases) {
    TrainingRecipe recipe = small();
    one.edit(recipe);
    expect_mentions(error_message([&] { require_valid(recipe); }), {one.message});
  }
}

}  // namespace
}  // namespace isomerge
