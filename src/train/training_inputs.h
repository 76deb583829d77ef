// train/training_inputs.h -- everything that one fine-tuning reads, opened and checked together.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "dataset/preprocessing.h"
#include "dataset/split.h"
#include "eval/evaluate.h"
#include "eval/objective.h"
#include "train/training_state.h"

namespace isomerge {

struct FinetuneTask {
  std::string name;                  // of the task; its head is this tensor of `heads`
  std::filesystem::path module;      // TorchScript: encoder, or language model
  std::filesystem::path base;        // any checkpoint
  std::filesystem::path heads;       // of images: any checkpoint
  std::filesystem::path training;    // a pack, or JSON lines, with the split "train"
  std::filesystem::path validation;  // a pack, or JSON lines, with the split "val"
  Preprocessing preprocessing;       // of images
  std::filesystem::path tokenizer;   // of text; empty: images
  int64_t most_tokens = 512;         // of text
};

class TrainingInputs {
 public:
  TrainingInputs(const std::filesystem::path& base_path) : base(base_path) {}
  virtual ~TrainingInputs() = default;
  TrainingInputs(const TrainingInputs&) = delete;
  TrainingInputs& operator=(const TrainingInputs&) = delete;

  virtual BoundModule& module() = 0;  // with the base's weights at first
  virtual const Objective& objective() const = 0;
  virtual Split training() const = 0;  // of the examples that the objective takes

  // How the module, as it is now, does on the validation examples.
  virtual Accuracy validate(int threads) const = 0;

  const Checkpoint base;
  RunIdentity identity;  // hashes of everything
};

// throws  Error(kInput) naming the file: not readable, damaged, or one that does not fit another.
std::unique_ptr<TrainingInputs> open_training_inputs(const FinetuneTask& task, c10::Device device);

}  // namespace isomerge
