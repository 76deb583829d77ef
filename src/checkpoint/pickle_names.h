// checkpoint/pickle_names.h -- which Python names a pickle may mention, and what they stand for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <c10/core/ScalarType.h>

namespace isomerge {

// Names are "module name", as in "collections OrderedDict".
enum class PickledName {
  kUnknown,    // a program, not data: refused
  kStorage,    // torch FloatStorage; its dtype may still be one that is not supported
  kDtype,      // torch float32: a value, or that of a tensor of one of the newer dtypes
  kTensor,     // function: storage, offset, shape, strides -> tensor
  kNewTensor,  // function: the same and a dtype -> tensor; only dtypes that are not supported
  kOrdered,    // function: -> empty dictionary
  kFirst,      // function: hands on its first argument
  kClass       // a class of a TorchScript program; its objects are dictionaries
};

PickledName kind_of_name(std::string_view name);

// Of a name of kind kStorage; nothing if such tensors are not supported.
std::optional<at::ScalarType> storage_dtype(std::string_view name);

// "torch.ComplexFloatStorage" and "torch.float8_e4m3fn" as messages call them: without the module.
std::string short_name(std::string_view name);

}  // namespace isomerge
