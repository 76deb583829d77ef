#include "model/encoder.h"

#include <utility>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "base/text.h"

namespace isomerge {

Encoder::Encoder(std::filesystem::path path, c10::Device device, at::ScalarType dtype)
    : BoundModule(std::move(path), device, dtype) {
  require_method("forward", {"images"});
}

at::Tensor Encoder::encode(const at::Tensor& images) const {
  const c10::InferenceMode no_gradient;
  const at::Tensor features = encode_for_training(images);
  require_finite(features, "the features have");
  return features;
}

at::Tensor Encoder::encode_for_training(const at::Tensor& images) const {
  const at::Tensor out = call("forward", {images}, "images").to(c10::kCPU);
  if (out.dim() != 2 || out.size(0) != images.size(0) || out.size(1) < 1 ||
      !is_floating(out.scalar_type())) {
    throw failure(fmt::format("expected floating features [{}, e], got {} {}", images.size(0),
                              dtype_text(out.scalar_type()), shape_text(out.sizes().vec())));
  }
  return out.to(at::kFloat).contiguous();
}

}  // namespace isomerge
