// eval/head.h -- ClassHead: one task's classes as directions in the space of features.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dataset/image_set.h"

namespace isomerge {

// logits = W f / |f|; no bias. Row c of W is class c. Thread-safe.
class ClassHead {
 public:
  // weight  [C, e] floating, finite, C >= 1, e >= 1; copied as fp32 on the CPU.
  // label   what to call it in messages: file and tensor ("heads.safetensors: digits").
  // throws  Error(kInput) with the label.
  ClassHead(const at::Tensor& weight, std::string label);

  const std::string& label() const { return label_; }
  const at::Tensor& weight() const { return weight_; }  // [C, e] fp32, CPU
  int64_t class_count() const { return weight_.size(0); }
  int64_t feature_size() const { return weight_.size(1); }

  // Throws Error(kInput) that names head and set unless both have the same number of classes.
  void require_classes_of(const ImageSet& set) const;

  // The same for the features [B, `features`] that the encoder in this file gives.
  void require_features_of(const std::filesystem::path& encoder, int64_t features) const;

  // features [B, e] fp32, CPU -> logits [B, C] fp32.
  // throws   Error(kInput): another e; a feature that is zero or not finite (its row is named).
  at::Tensor logits(const at::Tensor& features) const;

  // argmax over the classes for each row; the first maximum where several are equal.
  std::vector<int64_t> predict(const at::Tensor& features) const;

 private:
  at::Tensor weight_;  // [C, e]
  std::string label_;
};

}  // namespace isomerge
