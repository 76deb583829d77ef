// model/bound_module.h -- BoundModule: a TorchScript module with the weights of whatever state is
// bound to it. The file is the architecture.
//
// A TorchScript file is a program. Load only files whose source you trust.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "base/error.h"
#include "checkpoint/tensor_info.h"

namespace isomerge {

class BoundModule {
 public:
  // Loads the module in evaluation mode on `device`, floating parameters and buffers cast to
  // `dtype`, in which it computes: fp32 or bf16. Its own weights are bound at first.
  // throws  Error(kInput) with the path and a short reason: not readable, not TorchScript, cut off,
  //         no such device.
  BoundModule(std::filesystem::path path, c10::Device device, at::ScalarType dtype);
  ~BoundModule();
  BoundModule(BoundModule&&) noexcept;
  BoundModule& operator=(BoundModule&&) noexcept;

  const std::filesystem::path& path() const;
  c10::Device device() const;
  at::ScalarType dtype() const;  // in which it computes

  // Parameters and buffers by dotted name ("visual.conv1.weight"), sorted, dtype as in the file.
  const std::vector<TensorInfo>& layout() const;

  // Copies every tensor of `weights` into the module (cast to its dtype; non-floating tensors keep
  // the module's dtype), so `weights` may change afterwards. Not while it computes. label   what
  // to call `weights` in messages (a path, or "iso_c, alpha 1.2"). throws  one Error(kInput) with
  // all missing, extra and mis-shaped tensors; then nothing is bound.
  void bind(const Weights& weights, const std::string& label);

  // The module's floating parameters by name, without buffers, for training: what is written into
  // these tensors is what the module computes with. They require gradients from now on. A tensor of
  // several names comes once, under the first of them.
  Weights trainable_parameters();

  // Where the module's tensors lie -> their name, the first one if a tensor has several: tells
  // which of them an operation works on. Good until the next bind().
  std::map<const void*, std::string> addresses() const;

  // Copies of all tensors of layout(), as they are now: in the module's dtype if floating, on the
  // CPU.
  Weights weights() const;

 protected:
  // Throws Error(kInput) unless the module has such a method that takes these tensors; what it
  // takes beyond them has to have defaults.
  void require_method(const std::string& name, const std::vector<std::string>& arguments) const;

  // One tensor as the method gives it. Equal bytes for equal arguments and weights, whatever ran
  // before or runs beside it, as long as at::get_num_threads() is the same; thread-safe.
  // arguments  on any device; floating ones are cast to the module's dtype
  // what       of the arguments, in messages ("images")
  // throws     Error(kInput) with path and bound weights: it fails, or gives something else.
  //            Error(kMachine): out of memory.
  at::Tensor call(const std::string& method, const std::vector<at::Tensor>& arguments,
                  const std::string& what) const;

  // "<path>: with <what is bound>: <what>".
  Error failure(const std::string& what) const;

  // Throws failure() that names the weights with NaN or Inf if `result` has any.
  void require_finite(const at::Tensor& result, const std::string& what) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isomerge
