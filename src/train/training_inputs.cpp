#include "train/training_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/tensor_hash.h"

namespace isomerge {
namespace {

ClassHead read_head(const FinetuneTask& task) {
  const Checkpoint heads(task.heads);
  return {heads.read(task.name), fmt::format("{}: {}", heads.label(), task.name)};
}

// Label i has to mean the same in both packs, and their images have to suit one network.
void require_fitting(const Pack& training, const Pack& validation, bool is_cropped) {
  const std::string both =
      fmt::format("{} and {}", training.path().string(), validation.path().string());
  for (size_t i = 0; i < std::min(training.classes().size(), validation.classes().size()); ++i) {
    const std::string &a = training.classes()[i], &b = validation.classes()[i];
    if (a != b) {
      throw input_error(
          fmt::format("{}: class {} is \"{}\" in one and \"{}\" in the other", both, i, a, b));
    }
  }
  if (!is_cropped &&
      (training.height() != validation.height() || training.width() != validation.width())) {
    throw input_error(fmt::format("{}: images of {} x {} and of {} x {} pixels", both,
                                  training.height(), training.width(), validation.height(),
                                  validation.width()));
  }
}

std::string preprocessing_text(const Preprocessing& of) {
  std::string text = of.resize > 0 ? fmt::format("resize {}, ", of.resize) : "";
  if (of.crop > 0) text += fmt::format("crop {}, ", of.crop);
  text += "mean";
  for (const double mean : of.mean) text += " " + number_text(mean);
  text += ", std";
  for (const double deviation : of.std) text += " " + number_text(deviation);
  return text;
}

}  // namespace

TrainingInputs::TrainingInputs(const FinetuneTask& task, c10::Device device)
    : base(task.base),
      encoder(task.encoder, device),
      training(task.training),
      validation(task.validation),
      head(read_head(task)),
      reader(training, task.preprocessing) {
  head.require_classes_of(training);
  head.require_classes_of(validation);
  require_fitting(training, validation, task.preprocessing.crop > 0);
  training.require_split("train");
  validation.require_split("val");
  training.verify();
  const Weights weights = base.read_all();
  encoder.bind(weights, base.label());
  identity = {{"task", task.name},
              {"encoder", hash_file(task.encoder)},
              {"base", weights_hash(weights)},
              {"head", tensor_hash(head.weight())},
              {"training", training.checksum()},
              {"normalisation", preprocessing_text(task.preprocessing)},
              {"device", device.is_cpu() ? "cpu" : "cuda"}};
}

}  // namespace isomerge
