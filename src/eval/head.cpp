#include "eval/head.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ops/all.h>
#include <ATen/ops/div.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/tensor_info.h"

namespace isomerge {

ClassHead::ClassHead(const at::Tensor& weight, std::string label) : label_(std::move(label)) {
  if (weight.dim() != 2 || weight.numel() == 0 || !is_floating(weight.scalar_type())) {
    throw input_error(fmt::format("{}: expected a floating head [classes, features], got {} {}",
                                  label_, dtype_text(weight.scalar_type()),
                                  shape_text(weight.sizes().vec())));
  }
  weight_ = weight.detach()
                .to(at::Device(at::kCPU), at::kFloat, /*non_blocking=*/false,
                    /*copy=*/true)
                .contiguous();
  if (!at::all(at::isfinite(weight_)).item<bool>()) {
    throw input_error(label_ + ": the head has NaN or Inf");
  }
}

void ClassHead::require_classes_of(const ImageSet& set) const {
  if (class_count() == set.class_count()) return;
  throw input_error(fmt::format("{}: expected {} rows, one for each class of {}, got {}", label_,
                                set.class_count(), set.path().string(), class_count()));
}

void ClassHead::require_features_of(const std::filesystem::path& encoder, int64_t features) const {
  if (features == feature_size()) return;
  throw input_error(fmt::format("{}: expected a head for the {} features of {}, got {}", label_,
                                features, encoder.string(),
                                shape_text({class_count(), feature_size()})));
}

at::Tensor ClassHead::logits(const at::Tensor& features) const {
  if (features.dim() != 2 || features.size(1) != feature_size()) {
    throw input_error(fmt::format("{}: expected features [B, {}], got {}", label_, feature_size(),
                                  shape_text(features.sizes().vec())));
  }
  const at::Tensor norms =
      at::linalg_vector_norm(features, /*ord=*/2, /*dim=*/at::IntArrayRef{1}, /*keepdim=*/true);
  const float* norm = norms.const_data_ptr<float>();
  for (int64_t row = 0; row < norms.size(0); ++row) {
    // NaN fails this too. Inf can also come from finite entries above 1e19: no direction either.
    if (!(norm[row] > 0.0f && std::isfinite(norm[row]))) {
      throw input_error(fmt::format("{}: feature {} of the batch has no direction: its norm is {}",
                                    label_, row, norm[row]));
    }
  }
  return at::matmul(at::div(features, norms), weight_.t());
}

std::vector<int64_t> ClassHead::predict(const at::Tensor& features) const {
  const at::Tensor scores = logits(features).contiguous();
  const float* row = scores.const_data_ptr<float>();
  std::vector<int64_t> classes;
  for (int64_t i = 0; i < scores.size(0); ++i, row += class_count()) {
    classes.push_back(std::max_element(row, row + class_count()) - row);  // the first maximum
  }
  return classes;
}

}  // namespace isomerge
