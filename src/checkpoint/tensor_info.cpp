#include "checkpoint/tensor_info.h"

#include <c10/util/typeid.h>

namespace isomerge {

int64_t TensorInfo::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

uint64_t TensorInfo::bytes() const {
  return static_cast<uint64_t>(elements()) * c10::elementSize(dtype);
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

bool is_floating(at::ScalarType dtype) { return c10::isFloatingType(dtype); }

}  // namespace isomerge
