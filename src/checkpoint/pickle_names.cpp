#include "checkpoint/pickle_names.h"

#include <algorithm>

namespace isomerge {
namespace {

struct StorageName {
  std::string_view text;
  at::ScalarType dtype;
};
constexpr StorageName kStorages[] = {
    {"torch FloatStorage", at::kFloat}, {"torch DoubleStorage", at::kDouble},
    {"torch HalfStorage", at::kHalf},   {"torch BFloat16Storage", at::kBFloat16},
    {"torch LongStorage", at::kLong},   {"torch IntStorage", at::kInt},
    {"torch ShortStorage", at::kShort}, {"torch CharStorage", at::kChar},
    {"torch ByteStorage", at::kByte},   {"torch BoolStorage", at::kBool}};

// Functions that only describe data; what they stand for is built here, nothing is called.
struct KnownName {
  std::string_view text;
  PickledName kind;
};
constexpr KnownName kNames[] = {{"torch._utils _rebuild_tensor_v2", PickledName::kTensor},
                                {"torch._utils _rebuild_tensor_v3", PickledName::kNewTensor},
                                {"torch._utils _rebuild_parameter", PickledName::kFirst},
                                {"torch._utils _rebuild_parameter_with_state", PickledName::kFirst},
                                {"torch Size", PickledName::kFirst},
                                {"collections OrderedDict", PickledName::kOrdered},
                                {"torch.jit._pickle build_intlist", PickledName::kFirst},
                                {"torch.jit._pickle build_doublelist", PickledName::kFirst},
                                {"torch.jit._pickle build_boollist", PickledName::kFirst},
                                {"torch.jit._pickle build_tensorlist", PickledName::kFirst},
                                {"torch.jit._pickle restore_type_tag", PickledName::kFirst},
                                {"torch.storage UntypedStorage", PickledName::kStorage}};

constexpr std::string_view kDtypeStarts[] = {"float", "bfloat", "int",   "uint", "bool",
                                             "half",  "double", "short", "long", "complex",
                                             "chalf", "quint",  "qint",  "bits"};

// Whether "torch NAME" is a dtype: in lower case, as no class and no storage is.
bool is_dtype(std::string_view name) {
  return std::any_of(std::begin(kDtypeStarts), std::end(kDtypeStarts),
                     [&](std::string_view start) { return name.starts_with(start); }) &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

}  // namespace

PickledName kind_of_name(std::string_view name) {
  for (const KnownName& known : kNames) {
    if (name == known.text) return known.kind;
  }
  if (name.starts_with("__torch__")) return PickledName::kClass;
  if (!name.starts_with("torch ")) return PickledName::kUnknown;
  const std::string_view inner = name.substr(6);
  if (inner.ends_with("Storage")) return PickledName::kStorage;
  return is_dtype(inner) ? PickledName::kDtype : PickledName::kUnknown;
}

std::optional<at::ScalarType> storage_dtype(std::string_view name) {
  for (const StorageName& known : kStorages) {
    if (name == known.text) return known.dtype;
  }
  return {};
}

std::string short_name(std::string_view name) {
  std::string_view text = name.substr(name.rfind(' ') + 1);
  if (text.ends_with("Storage")) text.remove_suffix(7);
  return std::string(text);
}

}  // namespace isomerge
