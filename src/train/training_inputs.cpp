#include "train/training_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/tensor_hash.h"
#include "dataset/pack.h"
#include "eval/evaluate.h"

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

// The base's hash and what every task has.
RunIdentity common_identity(const FinetuneTask& task, const Weights& base, c10::Device device) {
  return {{"task", task.name},
          {"base", weights_hash(base)},
          {"device", device.is_cpu() ? "cpu" : "cuda"}};
}

class ImageInputs : public TrainingInputs {
 public:
  ImageInputs(const FinetuneTask& task, c10::Device device)
      : TrainingInputs(task.base),
        encoder_(task.module, device),
        training_(task.training),
        validation_(task.validation),
        head_(read_head(task)),
        reader_(training_, task.preprocessing),
        preprocessing_(task.preprocessing),
        objective_(encoder_, head_, reader_) {
    head_.require_classes_of(training_);
    head_.require_classes_of(validation_);
    require_fitting(training_, validation_, task.preprocessing.crop > 0);
    training_.require_split("train");
    validation_.require_split("val");
    training_.verify();
    const Weights weights = base.read_all();
    encoder_.bind(weights, base.label());
    identity = common_identity(task, weights, device);
    identity.merge(RunIdentity{{"encoder", hash_file(task.module)},
                               {"head", tensor_hash(head_.weight())},
                               {"training", training_.checksum()},
                               {"normalisation", preprocessing_text(task.preprocessing)}});
  }

  BoundModule& module() override { return encoder_; }
  const Objective& objective() const override { return objective_; }
  Split training() const override { return training_.require_split("train"); }

  Accuracy validate(int threads) const override {
    EvaluationOptions options;
    options.preprocessing = preprocessing_;
    options.threads = threads;
    return evaluate(encoder_, head_, validation_, "val", options).accuracy;
  }

 private:
  Encoder encoder_;
  const Pack training_, validation_;
  const ClassHead head_;
  const ExampleReader reader_;  // of `training_`
  const Preprocessing preprocessing_;
  const ImageObjective objective_;
};

class TextInputs : public TrainingInputs {
 public:
  TextInputs(const FinetuneTask& task, c10::Device device)
      : TrainingInputs(task.base),
        model_(task.module, device),
        tokenizer_(task.tokenizer),
        training_(tokenize(TextSet(task.training), "train", tokenizer_, task.most_tokens)),
        validation_(tokenize(TextSet(task.validation), "val", tokenizer_, task.most_tokens)),
        objective_(model_, training_) {
    require_vocabulary_of(model_, tokenizer_);
    const Weights weights = base.read_all();
    model_.bind(weights, base.label());
    identity = common_identity(task, weights, device);
    identity.merge(RunIdentity{{"model", hash_file(task.module)},
                               {"tokenizer", hash_file(task.tokenizer)},
                               {"training", hash_file(task.training)},
                               {"most_tokens", std::to_string(task.most_tokens)}});
  }

  BoundModule& module() override { return model_; }
  const Objective& objective() const override { return objective_; }
  Split training() const override {
    return {"train", 0, static_cast<int64_t>(training_.prompts.size())};
  }

  Accuracy validate(int threads) const override {
    TextOptions options;
    options.threads = threads;
    return evaluate(model_, tokenizer_, validation_, options).accuracy;
  }

 private:
  LanguageModel model_;
  const Tokenizer tokenizer_;
  const TokenizedSplit training_, validation_;
  const TextObjective objective_;
};

}  // namespace

std::unique_ptr<TrainingInputs> open_training_inputs(const FinetuneTask& task, c10::Device device) {
  if (task.tokenizer.empty()) return std::make_unique<ImageInputs>(task, device);
  return std::make_unique<TextInputs>(task, device);
}

}  // namespace isomerge
