// eval/objective.h -- what training minimises, and statistics differentiate.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dataset/example_reader.h"
#include "eval/head.h"
#include "eval/text_evaluation.h"
#include "model/encoder.h"
#include "model/language_model.h"

namespace isomerge {

// The loss of a batch is the sum of what its parts give, over weight(batch). Thread-safe.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual const std::filesystem::path& module_path() const = 0;

  // Examples that one thread takes through the network at a time. Another number rounds
  // differently.
  virtual int64_t chunk_size() const = 0;

  // Brings the examples of a batch into the order in which they are cut into chunks.
  virtual void arrange(std::vector<Example>*) const {}

  // What the sum over these examples is divided by, above 0.
  virtual double weight(std::span<const Example> examples) const = 0;

  // The sum over these examples, a scalar that can be differentiated by the module's
  // trainable_parameters(). throws  Error(kInput) naming the file.
  virtual at::Tensor summed_loss(std::span<const Example> examples) const = 0;
};

// The gradients of `loss`, made of the objective's sums, by each of `parameters`; undefined for one
// that it does not depend on. throws  Error(kInput) naming the module: it depends on none of the
// module's parameters, or cannot be differentiated.
std::vector<at::Tensor> differentiate(const Objective& objective, const at::Tensor& loss,
                                      const std::vector<at::Tensor>& parameters);

// Cross entropy -log softmax(W f / |f|)[label], mean over images; the head W is a constant.
class ImageObjective : public Objective {
 public:
  // All must outlive it. Examples count from `first` of the reader's set. throws  when asked for a
  // loss: head and features do not fit.
  ImageObjective(const Encoder& encoder, const ClassHead& head, const ExampleReader& reader,
                 int64_t first = 0)
      : encoder_(encoder), head_(head), reader_(reader), first_(first) {}

  const std::filesystem::path& module_path() const override { return encoder_.path(); }
  int64_t chunk_size() const override { return 16; }
  double weight(std::span<const Example> examples) const override {
    return static_cast<double>(examples.size());
  }
  at::Tensor summed_loss(std::span<const Example> examples) const override;

 private:
  const Encoder& encoder_;
  const ClassHead& head_;
  const ExampleReader& reader_;
  const int64_t first_;
};

// -log p of the target's tokens, mean over the tokens of a batch (MaTS). Examples count from the
// start of the split.
class TextObjective : public Objective {
 public:
  // Both must outlive it.
  TextObjective(const LanguageModel& model, const TokenizedSplit& split)
      : model_(model), split_(split) {}

  const std::filesystem::path& module_path() const override { return model_.path(); }
  int64_t chunk_size() const override { return 32; }
  void arrange(std::vector<Example>* examples) const override;  // by length: little is filled up
  double weight(std::span<const Example> examples) const override;
  at::Tensor summed_loss(std::span<const Example> examples) const override;

 private:
  const LanguageModel& model_;
  const TokenizedSplit& split_;
};

}  // namespace isomerge
