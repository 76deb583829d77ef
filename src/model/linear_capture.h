// model/linear_capture.h -- LinearCapture: sees what goes through the linear operations of a
// module, whatever its architecture.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/bound_module.h"

namespace isomerge {

// One call of aten::linear, y = x W^T + b, with W a tensor of the module.
struct LinearOperation {
  std::string weight;         // the name of W, the first one if it has several
  at::Tensor input;           // x, [rows, n]; rows of all leading dimensions
  at::Tensor gradient;        // of what was differentiated, by y, [rows, m]; undefined: none came
  const void* input_address;  // operations on one x have the same, while any of them is kept
};

// Watches this thread from construction to destruction. Other threads do not see it; not nested.
class LinearCapture {
 public:
  // gradients   whether those by the outputs are wanted: they come while the result is
  //             differentiated, which therefore has to happen before the destruction.
  LinearCapture(const BoundModule& module, bool gradients);
  ~LinearCapture();
  LinearCapture(const LinearCapture&) = delete;
  LinearCapture& operator=(const LinearCapture&) = delete;

  // What was seen so far, in the order of the calls.
  const std::vector<std::shared_ptr<LinearOperation>>& operations() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace isomerge
