#include "checkpoint/tensor_info.h"

#include <algorithm>

#include <ATen/ops/isfinite.h>
#include <c10/util/typeid.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {

int64_t TensorInfo::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

uint64_t TensorInfo::bytes() const {
  return static_cast<uint64_t>(elements()) * c10::elementSize(dtype);
}

std::optional<std::string> find_shape_fault(at::ScalarType dtype,
                                            const std::vector<int64_t>& shape) {
  constexpr size_t kMaxDimensions = 64;  // what LibTorch computes with
  if (shape.size() > kMaxDimensions) {
    return fmt::format("has {} dimensions, more than {}", shape.size(), kMaxDimensions);
  }
  auto bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes)) {
      return fmt::format("the product of shape {} overflows", shape_text(shape));
    }
  }
  return {};
}

std::string dtype_text(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "fp32";
    case at::kDouble:
      return "fp64";
    case at::kHalf:
      return "fp16";
    case at::kBFloat16:
      return "bf16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kShort:
      return "int16";
    case at::kChar:
      return "int8";
    case at::kByte:
      return "uint8";
    case at::kBool:
      return "bool";
    default:
      return c10::toString(dtype);
  }
}

at::Tensor convert_finite(const at::Tensor& tensor, at::ScalarType dtype,
                          const std::string& where) {
  at::Tensor stored = tensor.to(dtype);
  if (stored.is_floating_point() && stored.element_size() < tensor.element_size() &&
      !at::isfinite(tensor).eq(at::isfinite(stored)).all().item<bool>()) {
    throw input_error(
        fmt::format("{}: values too large for {}; choose --dtype fp32", where, dtype_text(dtype)));
  }
  return stored;
}

bool is_floating(at::ScalarType dtype) { return c10::isFloatingType(dtype); }

}  // namespace isomerge
