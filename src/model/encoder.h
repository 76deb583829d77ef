// model/encoder.h -- Encoder: a TorchScript module that maps images to features; any module with
// forward(images) -> features works.
#pragma once

#include <filesystem>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "model/bound_module.h"

namespace isomerge {

class Encoder : public BoundModule {
 public:
  // throws  Error(kInput) as BoundModule does; no method forward with one argument.
  explicit Encoder(std::filesystem::path path, c10::Device device = c10::Device(c10::kCPU),
                   at::ScalarType dtype = at::kFloat);

  // images   [B, 3, height, width] fp32, B >= 1, any device.
  // returns  features [B, e] fp32 on the CPU.
  // throws   Error(kInput) with the path: forward fails on such images, the result is not a
  // floating
  //          tensor [B, e], or has NaN or Inf (then the tensors that hold any are named).
  //          Error(kMachine): out of memory.
  // Thread-safe; the same bytes as BoundModule::call() says.
  at::Tensor encode(const at::Tensor& images) const;

  // encode() such that its result can be differentiated by trainable_parameters(). The module stays
  // in evaluation mode: no dropout, running statistics of batch normalisation as they are. NaN and
  // Inf come out as they are. Thread-safe.
  at::Tensor encode_for_training(const at::Tensor& images) const;
};

}  // namespace isomerge
