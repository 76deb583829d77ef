// train/finetune.h -- trains an expert: base + training examples of one task -> checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "eval/evaluate.h"
#include "train/training_inputs.h"
#include "train/training_recipe.h"

namespace isomerge {

struct FinetuneSettings {
  std::filesystem::path out;            // *.safetensors, or with LoRA a folder
  std::optional<at::ScalarType> dtype;  // of what is written; nothing: the base's, or fp32 factors
  int64_t save_every = 100;             // steps between two states
  int threads = 1;
  c10::Device device = c10::Device(c10::kCPU);
};

struct FinetuneSummary {
  int64_t steps = 0;
  int64_t resumed_at = 0;  // steps that an earlier process had done
  double loss = 0.0;       // mean of the training loss over the latest steps
  Accuracy before, after;  // of base and expert, the latter as written, on validation examples
};

// Trains every parameter of the module, or those that recipe.trainable names, starting from the
// base, so that the task's frozen head answers rightly, or that the module writes the right answer:
// minimises the task's objective (eval/objective.h) by AdamW (train/optimizer.h) under
// scheduled_rate(), over the stream of ExampleOrder, in fp32. The module computes as in evaluation.
// Buffers, parameters that are not trained or that the loss does not depend on, stay as in the
// base.
//
// With recipe.lora, factors of their updates are trained instead (train/lora.h): dense gradients of
// the targets are formed, the optimizer sees the factors alone.
//
// Every `save_every` steps, and after a signal, the state is written to <out>.state; if that file
// is there and of the same run, training continues from it. It is removed once `out` is written.
// `out` has the base's tensors or is a PEFT adapter (checkpoint/adapter_writer.h), and has recipe
// and hashes of all inputs in its metadata. Its bytes are the same for any number of threads,
// wherever the run was stopped.
//
// throws  Error(kInput) naming the file: inputs that do not fit each other, a recipe that makes no
//         sense or names no parameter, a state of another run, a gradient that is NaN or Inf.
//         Error(kInterrupted) after a signal. Error(kMachine).
FinetuneSummary finetune(const FinetuneTask& task, const TrainingRecipe& recipe,
                         const FinetuneSettings& settings);

}  // namespace isomerge
