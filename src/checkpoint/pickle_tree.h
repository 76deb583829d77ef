// checkpoint/pickle_tree.h -- what a pickle describes, as plain data.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
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
  int64_t integer = 0;                    // kInt, kBool
  std::string text;                       // kText; kGlobal: "module name"; kObject: its class
  std::vector<PickleNode*> items;         // kTuple, kList; kDict: key, value, key, value...
  const PickledTensor* tensor = nullptr;  // kTensor, kStorage
  PickleNode* state = nullptr;            // kObject: what BUILD gave it, a dictionary
};

// Owns the nodes of one pickle, which may refer to each other in circles. Freed as a list: a pickle
// nested a million deep must not end the program by recursion.
struct PickleTree {
  const PickleNode* top = nullptr;
  std::deque<PickleNode> nodes;
  std::deque<PickledTensor> tensors;
};

}  // namespace isomerge
