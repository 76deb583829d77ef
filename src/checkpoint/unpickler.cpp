#include "checkpoint/unpickler.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/pickle_names.h"
#include "checkpoint/pickle_stack.h"

namespace isomerge {
namespace {

using Kind = PickleNode::Kind;

class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::string& label)
      : stack_(bytes, label), label_(label) {}

  PickleTree run() {
    while (true) {
      const auto code = stack_.number<unsigned char>();
      if (code == '.') return stack_.finish();
      step(code);
    }
  }

 private:
  [[noreturn]] void refuse_dtype(const std::string& name) const {
    throw input_error(
        fmt::format("{}: holds a tensor of dtype {}, which is not supported; convert it to fp32, "
                    "fp16 or bf16 in Python",
                    label_, short_name(name)));
  }

  void step(unsigned char code);
  void push_name();
  void push_storage();
  void push_tensor(const PickleNode& arguments);
  std::vector<int64_t> sizes(const PickleNode& tuple) const;
  void reduce();
  void make_object();
  void build();

  PickleStack stack_;
  const std::string& label_;
};

void Unpickler::push_name() {
  std::string name(stack_.line());
  name += " ";
  name += stack_.line();
  if (kind_of_name(name) != PickledName::kUnknown) {
    stack_.push(Kind::kGlobal, 0, std::move(name));
    return;
  }
  const size_t space = name.find(' ');
  throw input_error(fmt::format(
      "{}: holds a pickled Python object ({}.{}), which is a program, not data. "
      "`python models/unpickle.py encoder FILE --out FILE.safetensors` takes the tensors out of it",
      label_, name.substr(0, space), name.substr(space + 1)));
}

// ('storage', torch.FloatStorage, '0', 'cpu', elements)
void Unpickler::push_storage() {
  const PickleNode* id = stack_.pop(Kind::kTuple, "a storage");
  const auto& items = id->items;
  if (items.size() < 5 || items[1]->kind != Kind::kGlobal || items[2]->kind != Kind::kText ||
      items[4]->kind != Kind::kInt || items[4]->integer < 0 ||
      kind_of_name(items[1]->text) != PickledName::kStorage) {
    stack_.refuse("a storage of unknown form");
  }
  const auto dtype = storage_dtype(items[1]->text);
  const bool is_untyped = items[1]->text == "torch.storage UntypedStorage";
  if (!dtype && !is_untyped) refuse_dtype(items[1]->text);
  PickledTensor* storage = stack_.new_tensor();
  storage->dtype = dtype.value_or(at::ScalarType::Undefined);  // then the tensor names it
  storage->storage = items[2]->text;
  storage->storage_elements = static_cast<uint64_t>(items[4]->integer);
  stack_.push(Kind::kStorage)->tensor = storage;
}

std::vector<int64_t> Unpickler::sizes(const PickleNode& tuple) const {
  std::vector<int64_t> out;
  for (const PickleNode* item : tuple.items) {
    if (item->kind != Kind::kInt || item->integer < 0) {
      stack_.refuse("a shape that is not whole numbers");
    }
    out.push_back(item->integer);
  }
  return out;
}

// _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks); v3 adds the dtype.
void Unpickler::push_tensor(const PickleNode& arguments) {
  const auto& items = arguments.items;
  if (items.size() > 6 && items[6]->kind == Kind::kGlobal) refuse_dtype(items[6]->text);
  if (items.size() < 4 || items[0]->kind != Kind::kStorage || items[1]->kind != Kind::kInt ||
      items[1]->integer < 0 || items[2]->kind != Kind::kTuple || items[3]->kind != Kind::kTuple ||
      items[2]->items.size() != items[3]->items.size() ||
      items[0]->tensor->dtype == at::ScalarType::Undefined) {
    stack_.refuse("a tensor of unknown form");
  }
  PickledTensor* tensor = stack_.new_tensor();
  *tensor = *items[0]->tensor;
  tensor->offset = static_cast<uint64_t>(items[1]->integer);
  tensor->shape = sizes(*items[2]);
  tensor->strides = sizes(*items[3]);
  stack_.push(Kind::kTensor)->tensor = tensor;
}

void Unpickler::reduce() {
  const PickleNode* arguments = stack_.pop(Kind::kTuple, "arguments");
  const std::string& name = stack_.pop(Kind::kGlobal, "a function")->text;
  const PickledName kind = kind_of_name(name);
  if (kind == PickledName::kTensor || kind == PickledName::kNewTensor) {
    push_tensor(*arguments);
  } else if (kind == PickledName::kOrdered) {
    stack_.push(Kind::kDict);
  } else if (kind == PickledName::kFirst && !arguments->items.empty()) {
    stack_.push(arguments->items[0]);
  } else {
    stack_.refuse(fmt::format("it calls {}", name));
  }
}

void Unpickler::make_object() {
  stack_.pop(Kind::kTuple, "arguments");
  const std::string name = stack_.pop(Kind::kGlobal, "a class")->text;
  if (kind_of_name(name) != PickledName::kClass) {
    stack_.refuse(fmt::format("it makes a {}", name));
  }
  stack_.push(Kind::kObject, 0, name);
}

void Unpickler::build() {
  PickleNode* state = stack_.pop();
  PickleNode* target = stack_.top();
  if (target->kind == Kind::kObject) {
    target->state = state;
  } else if (target->kind != Kind::kDict) {  // a dictionary's attributes (_metadata) are no data
    stack_.refuse("a state is given to something that has none");
  }
}

void Unpickler::step(unsigned char code) {
  switch (code) {
    case 'c':
      return push_name();
    case 'Q':
      return push_storage();
    case 'R':
      return reduce();
    case 0x81:
      return make_object();
    case 'b':
      return build();
    default:
      if (!stack_.step(code)) {
        stack_.refuse(
            fmt::format("unknown instruction 0x{:02x} at byte {}", code, stack_.at() - 1));
      }
  }
}

}  // namespace

PickleTree read_pickle(std::string_view bytes, const std::string& label) {
  return Unpickler(bytes, label).run();
}

}  // namespace isomerge
