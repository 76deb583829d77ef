// train/optimizer.h -- AdamW after clipping of the gradient's norm.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

struct OptimizerOptions {
  double weight_decay = 0.1;  // of every parameter, as in the fine-tuning code of arXiv:2212.04089
  double clip = 1.0;          // the largest norm of all gradients together
};

// AdamW (Loshchilov and Hutter, arXiv:1711.05101) of LibTorch with its betas (0.9, 0.999) and eps
// 1e-8.
class Optimizer {
 public:
  // parameters  leaves that require gradients; changed by step()
  Optimizer(const Weights& parameters, const OptimizerOptions& options);
  ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // The parameters, in the order of their names.
  const std::vector<at::Tensor>& parameters() const;

  // One update. gradients: one per parameter, consumed (scaled in place); an undefined one leaves
  // its parameter, weight decay included, as it is.
  // returns  their norm before clipping.
  // throws   Error(kInput) if the norm is NaN or Inf, and then nothing is changed; if LibTorch
  //          refuses the learning rate. Error(kMachine): out of memory.
  double step(std::vector<at::Tensor> gradients, double learning_rate);

  // Copies of what step() remembers, on the CPU: for each parameter that was ever updated
  // "exp_avg/<name>" and "exp_avg_sq/<name>" of its shape, and "updates/<name>", an int64 scalar.
  Weights state() const;

  // Continues from a state() of the same parameters; what it does not name was never updated.
  // throws  Error(kInput) with the tensor: unknown, missing beside another, of another shape.
  void restore(const Weights& state);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isomerge
