// train/training_inputs.h -- everything that one fine-tuning reads, opened and checked together.
#pragma once

#include <filesystem>
#include <string>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "dataset/example_reader.h"
#include "dataset/pack.h"
#include "eval/head.h"
#include "model/encoder.h"
#include "train/training_state.h"

namespace isomerge {

struct FinetuneTask {
  std::string name;                  // of the task; its head is this tensor of `heads`
  std::filesystem::path encoder;     // TorchScript
  std::filesystem::path base;        // any checkpoint
  std::filesystem::path heads;       // any checkpoint
  std::filesystem::path training;    // a pack with the split "train"
  std::filesystem::path validation;  // a pack with the split "val"
  Preprocessing preprocessing;
};

struct TrainingInputs {
  // throws  Error(kInput) naming the file: not readable, damaged, or one that does not fit another.
  TrainingInputs(const FinetuneTask& task, c10::Device device);
  TrainingInputs(const TrainingInputs&) = delete;
  TrainingInputs& operator=(const TrainingInputs&) = delete;

  const Checkpoint base;
  Encoder encoder;  // with the base's weights
  const Pack training, validation;
  const ClassHead head;
  const ExampleReader reader;  // of `training`
  RunIdentity identity;        // hashes of all of them
};

}  // namespace isomerge
