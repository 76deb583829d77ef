// model/encoder.h -- Encoder: a TorchScript module that maps images to features, with the weights
// of whatever state is bound to it. The file is the architecture; any module with
// forward(images) -> features works.
//
// A TorchScript file is a program. Load only files whose source you trust.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

class Encoder {
 public:
  // Loads the module in evaluation mode on `device`, floating parameters and buffers cast to
  // `dtype`, in which it computes: fp32 or bf16. Its own weights are bound at first.
  // throws  Error(kInput) with the path and a short reason: not readable, not TorchScript, cut off,
  //         no method forward with one argument, no such device.
  explicit Encoder(std::filesystem::path path, c10::Device device = c10::Device(c10::kCPU),
                   at::ScalarType dtype = at::kFloat);
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;

  const std::filesystem::path& path() const;
  c10::Device device() const;
  at::ScalarType dtype() const;  // in which it computes

  // Parameters and buffers by dotted name ("visual.conv1.weight"), sorted, dtype as in the file.
  const std::vector<TensorInfo>& layout() const;

  // Copies every tensor of `weights` into the module (cast to its dtype; non-floating tensors keep
  // the module's dtype), so `weights` may change afterwards. Not while encode() runs. label   what
  // to call `weights` in messages (a path, or "iso_c, alpha 1.2"). throws  one Error(kInput) with
  // all missing, extra and mis-shaped tensors; then nothing is bound.
  void bind(const Weights& weights, const std::string& label);

  // images   [B, 3, height, width] fp32, B >= 1, any device.
  // returns  features [B, e] fp32 on the CPU; equal bytes for equal images and weights, whatever
  // ran
  //          before or runs beside it, as long as at::get_num_threads() is the same.
  // throws   Error(kInput) with the path: forward fails on such images, the result is not a
  // floating
  //          tensor [B, e], or has NaN or Inf (then the tensors that hold any are named).
  //          Error(kMachine): out of memory.
  // Thread-safe: may run in several threads at once.
  at::Tensor encode(const at::Tensor& images) const;

  // The module's floating parameters by name, without buffers, for training: what is written into
  // these tensors is what the module computes with. They require gradients from now on. A tensor of
  // several names comes once, under the first of them.
  Weights trainable_parameters();

  // encode() such that its result can be differentiated by trainable_parameters(). The module stays
  // in evaluation mode: no dropout, running statistics of batch normalisation as they are. NaN and
  // Inf come out as they are. Thread-safe.
  at::Tensor encode_for_training(const at::Tensor& images) const;

  // Copies of all tensors of layout(), as they are now: in the module's dtype if floating, on the
  // CPU.
  Weights weights() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isomerge
