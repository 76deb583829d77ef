// checkpoint/unpickler.h -- a restricted reader of the pickles inside PyTorch archives.
//
// A pickle is a program. This one understands only the instructions that describe plain data and
// tensors, calls nothing, and refuses every name outside a short list.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// A tensor as the pickle describes it: a view of a storage that is another member of the archive.
struct PickledTensor {
  at::ScalarType dtype = at::kFloat;
  std::string storage;  // member name below data/: "0", "1", ...
  uint64_t storage_elements = 0;
  uint64_t offset = 0;  // in elements
  std::vector<int64_t> shape, strides;
};

struct PickleNode;
// Lists and dictionaries are filled after they were put into the memo, hence shared.
using PickleValue = std::shared_ptr<PickleNode>;

struct PickleNode {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kDouble,
    kText,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kTensor,
    kObject
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;             // kInt, kBool
  std::string text;                // kText; kGlobal: "module name"; kObject: its class
  std::vector<PickleValue> items;  // kTuple, kList; kDict: key, value, key, value...
  PickledTensor tensor;            // kTensor, kStorage
  PickleValue state;               // kObject: what BUILD gave it, a dictionary
};

// Reads one pickle. `label` names the file in errors. Throws Error(kInput) on anything that is not
// plain data: an unknown instruction, a name outside the list, a stack or memo that does not fit.
PickleValue read_pickle(std::string_view bytes, const std::string& label);

}  // namespace isomerge
