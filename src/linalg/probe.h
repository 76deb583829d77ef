// linalg/probe.h -- the random vector that factorisations are checked with.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace isomerge {

// A normally distributed column [size, 1], fp64, on the device of `like`: the same numbers in every
// call and thread, since results must not depend on anything but the data.
at::Tensor probe(int64_t size, const at::Tensor& like);

}  // namespace isomerge
