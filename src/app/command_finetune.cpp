#include <chrono>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/text.h"
#include "config/suite.h"
#include "experiment/suite_evaluator.h"
#include "merge/merge_files.h"
#include "train/finetune.h"

namespace isomerge {
namespace {

// What the flags say, else what the suite says, else the program's own default.
TrainingRecipe recipe_of(const Arguments& arguments, const FinetuneDefaults& suite) {
  TrainingRecipe recipe;
  recipe.steps = arguments.find_whole("steps");
  recipe.epochs = arguments.find_whole("epochs");
  if (!recipe.steps && !recipe.epochs) {
    recipe.steps = suite.steps;
    recipe.epochs = suite.epochs;
  }
  const auto take = [](auto& value, const auto& given, const auto& from_suite) {
    value = given.value_or(from_suite.value_or(value));
  };
  take(recipe.batch, arguments.find_whole("batch"), suite.batch);
  take(recipe.learning_rate, arguments.find_number("lr"), suite.lr);
  take(recipe.warmup, arguments.find_whole("warmup"), suite.warmup);
  take(recipe.optimizer.weight_decay, arguments.find_number("weight-decay"), suite.weight_decay);
  take(recipe.optimizer.clip, arguments.find_number("clip"), suite.clip);
  take(recipe.shift, arguments.find_whole("shift"), suite.shift);
  take(recipe.seed, arguments.find_whole("seed"), suite.seed);
  recipe.trainable = arguments.all("trainable");
  recipe.lora.rank = arguments.find_whole("lora").value_or(0);
  recipe.lora.alpha = arguments.find_number("lora-alpha");
  recipe.lora.targets = arguments.all("lora-targets");
  return recipe;
}

std::filesystem::path training_data(const Arguments& arguments, const Suite& suite,
                                    const Task& task) {
  if (const auto data = arguments.find("data")) return *data;
  if (task.train.empty()) {
    throw input_error(fmt::format("{}: task \"{}\" names no training data (\"train\"); give --data",
                                  suite.path.string(), task.name));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(task.train, ignored)) {
    throw input_error(
        fmt::format("{}: no such file: the training data of task \"{}\". Build it, or "
                    "give another with --data",
                    task.train.string(), task.name));
  }
  return task.train;
}

FinetuneSettings settings_of(const Arguments& arguments) {
  FinetuneSettings settings;
  settings.out = arguments.require("out");
  if (const auto text = arguments.find("dtype")) {
    settings.dtype = chosen_dtype(parse_output_dtype(*text));
  }
  settings.save_every = arguments.find_whole("save-every").value_or(settings.save_every);
  settings.threads = arguments.threads();
  settings.device = arguments.device();
  return settings;
}

void print_summary(const std::string& out, const FinetuneSummary& summary, double seconds,
                   bool json) {
  if (json) {
    const nlohmann::ordered_json object = {{"out", out},
                                           {"steps", summary.steps},
                                           {"resumed_at", summary.resumed_at},
                                           {"loss", summary.loss},
                                           {"base_accuracy", summary.before.value()},
                                           {"expert_accuracy", summary.after.value()},
                                           {"validation_examples", summary.after.total},
                                           {"seconds", seconds}};
    fmt::print("{}\n", object.dump(2));
    return;
  }
  fmt::print("{}: {} steps{}, loss {:.4f}, validation accuracy {:.2f} % (base: {:.2f} %); {}\n",
             out, summary.steps,
             summary.resumed_at > 0 ? fmt::format(", {} of them earlier", summary.resumed_at) : "",
             summary.loss, 100.0 * summary.after.value(), 100.0 * summary.before.value(),
             human_seconds(seconds));
}

}  // namespace

const CommandInfo& finetune_info() {
  static const CommandInfo info{
      "finetune",
      "SUITE.json --task NAME --out FILE|FOLDER/ [--steps N|--epochs N] [options]",
      "train an expert: all weights of the base on one task (its head stays as it is), or LoRA "
      "factors",
      "  isomerge finetune experiments/suites/mini_vision.json --task digits --out "
      "digits.safetensors\n"
      "  isomerge finetune experiments/suites/mini_vision.json --task digits --lora 8 --lr 3e-3 "
      "--out digits/",
      {{"task", "NAME", "the task of the suite"},
       {"out", "FILE|FOLDER/",
        "*.safetensors, or with --lora the folder of a PEFT adapter; FILE.state keeps an "
        "unfinished run, which goes on from it"},
       {"data", "FILE",
        "pack or JSON lines with a split \"train\" (default: the task's \"train\" in the suite)"},
       {"steps", "N", "updates"},
       {"epochs", "N", "or passes over the training examples"},
       {"batch", "N", "examples of an update (default: 128)"},
       {"lr", "X", "peak of the learning rate (default: 1e-5)"},
       {"warmup", "N", "steps of linear rise before the cosine (default: 500)"},
       {"weight-decay", "X", "of AdamW (default: 0.1)"},
       {"clip", "X", "largest norm of the gradient (default: 1)"},
       {"shift", "N", "move images at random by up to so many pixels (default: 0)"},
       {"seed", "N",
        "of the order of examples, the moves of images and LoRA's first factors (default: 0)"},
       {"trainable", "GLOB", "train the parameters of these names alone: '*.ia3_l'", true},
       {"lora", "R", "train updates of rank R, W_0 + (alpha / R) B A, without dropout"},
       {"lora-alpha", "X", "their alpha (default: R)"},
       {"lora-targets", "GLOB",
        "weights to adapt: '*attn*' (default: those of all linear layers, but lm_head)", true},
       {"save-every", "N", "steps between two states, which are validated too (default: 100)"},
       {"dtype", "fp32|fp16|bf16", "of the output (default: the base's; fp32 of an adapter)"},
       {"set", "NAME=VALUE", "a ${NAME} of the suite file", true},
       {"json", "", "print the summary as JSON"}},
      1,
      1};
  return info;
}

int run_finetune(const Arguments& arguments) {
  // The suite's experts need not be there: they are what is being made.
  const Suite suite =
      read_suite(arguments.operands()[0], arguments.settings("set"), Files::kMayBeMissing);
  const Task& task = require_task(suite, arguments.require("task"));
  const TrainingRecipe recipe = recipe_of(arguments, suite.finetune);
  const FinetuneSettings settings = settings_of(arguments);
  const auto start = std::chrono::steady_clock::now();
  const FinetuneSummary summary = finetune(
      {task.name, suite.module, suite.base, suite.heads, training_data(arguments, suite, task),
       task.data, suite_preprocessing(suite), suite.tokenizer, suite.text.most_tokens},
      recipe, settings);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  print_summary(settings.out.string(), summary, elapsed.count(), arguments.has("json"));
  return 0;
}

}  // namespace isomerge
