#include "checkpoint/unpickler.h"

#include <cstring>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

using Kind = PickleNode::Kind;

struct StorageName {
  const char* text;
  at::ScalarType dtype;
};
constexpr StorageName kStorages[] = {
    {"torch FloatStorage", at::kFloat}, {"torch DoubleStorage", at::kDouble},
    {"torch HalfStorage", at::kHalf},   {"torch BFloat16Storage", at::kBFloat16},
    {"torch LongStorage", at::kLong},   {"torch IntStorage", at::kInt},
    {"torch ShortStorage", at::kShort}, {"torch CharStorage", at::kChar},
    {"torch ByteStorage", at::kByte},   {"torch BoolStorage", at::kBool}};

// Functions that only describe data; what they stand for is built here, nothing is called.
constexpr const char* kFunctions[] = {"torch._utils _rebuild_tensor_v2",
                                      "torch._utils _rebuild_parameter",
                                      "collections OrderedDict",
                                      "torch.jit._pickle build_intlist",
                                      "torch.jit._pickle build_doublelist",
                                      "torch.jit._pickle build_boollist",
                                      "torch.jit._pickle build_tensorlist",
                                      "torch.jit._pickle restore_type_tag"};

class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::string& label) : bytes_(bytes), label_(label) {}

  PickleValue run() {
    while (true) {
      const auto code = static_cast<unsigned char>(take(1)[0]);
      if (code == '.') return pop();
      step(code);
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& fact) const {
    throw input_error(fmt::format("{}: its pickle cannot be read as plain data: {}", label_, fact));
  }

  std::string_view take(size_t count) {
    if (count > bytes_.size() - at_) refuse("it is cut short");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) refuse("it is cut short");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  static PickleValue node(Kind kind, int64_t integer = 0, std::string text = "") {
    auto value = std::make_shared<PickleNode>();
    value->kind = kind;
    value->integer = integer;
    value->text = std::move(text);
    return value;
  }

  void push(PickleValue value) { stack_.push_back(std::move(value)); }

  PickleValue pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) refuse("its stack runs empty");
    PickleValue value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }

  PickleValue pop(Kind kind, const char* expected) {
    PickleValue value = pop();
    if (value->kind != kind) refuse(fmt::format("expected {}", expected));
    return value;
  }

  std::vector<PickleValue> pop_to_mark() {
    if (marks_.empty()) refuse("a mark is missing");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }

  PickleValue& top() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) refuse("its stack runs empty");
    return stack_.back();
  }

  void push_tuple(size_t count) {
    PickleValue tuple = node(Kind::kTuple);
    tuple->items.resize(count);
    for (size_t i = count; i-- > 0;) tuple->items[i] = pop();
    push(tuple);
  }

  void extend_top(Kind kind, std::vector<PickleValue> items) {
    PickleNode* target = top().get();
    // A module that defines __setstate__ or an OrderedDict subclass may be filled like a
    // dictionary.
    if (target->kind != kind) refuse("items are added to something that holds none");
    if (kind == Kind::kDict && items.size() % 2 != 0) refuse("a key has no value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void step(unsigned char code);
  void push_global(const std::string& name);
  void push_storage();
  void reduce();
  void build();
  PickleValue make_tensor(const PickleNode& arguments) const;
  std::vector<int64_t> sizes(const PickleNode& tuple) const;
  void step_number(unsigned char code);
  void step_memo(unsigned char code);

  std::string_view bytes_;
  const std::string& label_;
  size_t at_ = 0;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;
  std::map<uint32_t, PickleValue> memo_;
};

void Unpickler::push_global(const std::string& name) {
  for (const StorageName& storage : kStorages) {
    if (name == storage.text) return push(node(Kind::kGlobal, 0, name));
  }
  for (const char* function : kFunctions) {
    if (name == function) return push(node(Kind::kGlobal, 0, name));
  }
  if (name.starts_with("__torch__")) return push(node(Kind::kGlobal, 0, name));
  const size_t space = name.find(' ');
  throw input_error(fmt::format(
      "{}: holds a pickled Python object ({}.{}), which is a program, not data. Load it in Python "
      "and save its state_dict() as safetensors, or script it with torch.jit.script",
      label_, name.substr(0, space), name.substr(space + 1)));
}

// ('storage', torch.FloatStorage, '0', 'cpu', elements)
void Unpickler::push_storage() {
  const PickleValue id = pop(Kind::kTuple, "a storage");
  if (id->items.size() < 5 || id->items[1]->kind != Kind::kGlobal ||
      id->items[2]->kind != Kind::kText || id->items[4]->kind != Kind::kInt ||
      id->items[4]->integer < 0) {
    refuse("a storage of unknown form");
  }
  PickleValue storage = node(Kind::kStorage);
  std::optional<at::ScalarType> dtype;
  for (const StorageName& known : kStorages) {
    if (id->items[1]->text == known.text) dtype = known.dtype;
  }
  if (!dtype) refuse("a storage of unknown dtype");
  storage->tensor.dtype = *dtype;
  storage->tensor.storage = id->items[2]->text;
  storage->tensor.storage_elements = static_cast<uint64_t>(id->items[4]->integer);
  push(storage);
}

std::vector<int64_t> Unpickler::sizes(const PickleNode& tuple) const {
  std::vector<int64_t> out;
  for (const PickleValue& item : tuple.items) {
    if (item->kind != Kind::kInt || item->integer < 0) refuse("a shape that is not whole numbers");
    out.push_back(item->integer);
  }
  return out;
}

// _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
PickleValue Unpickler::make_tensor(const PickleNode& arguments) const {
  const auto& items = arguments.items;
  if (items.size() < 4 || items[0]->kind != Kind::kStorage || items[1]->kind != Kind::kInt ||
      items[1]->integer < 0 || items[2]->kind != Kind::kTuple || items[3]->kind != Kind::kTuple ||
      items[2]->items.size() != items[3]->items.size()) {
    refuse("a tensor of unknown form");
  }
  PickleValue value = node(Kind::kTensor);
  value->tensor = items[0]->tensor;
  value->tensor.offset = static_cast<uint64_t>(items[1]->integer);
  value->tensor.shape = sizes(*items[2]);
  value->tensor.strides = sizes(*items[3]);
  return value;
}

void Unpickler::reduce() {
  const PickleValue arguments = pop(Kind::kTuple, "arguments");
  const PickleValue function = pop(Kind::kGlobal, "a function");
  const std::string& name = function->text;
  if (name == "torch._utils _rebuild_tensor_v2") return push(make_tensor(*arguments));
  if (name == "collections OrderedDict") return push(node(Kind::kDict));
  const bool typed_list = name.starts_with("torch.jit._pickle ");
  if ((typed_list || name == "torch._utils _rebuild_parameter") && !arguments->items.empty()) {
    return push(arguments->items[0]);
  }
  refuse(fmt::format("it calls {}", name));
}

void Unpickler::build() {
  PickleValue state = pop();
  PickleNode* target = top().get();
  if (target->kind == Kind::kObject) {
    target->state = std::move(state);
  } else if (target->kind != Kind::kDict) {  // a dictionary's attributes (_metadata) are no data
    refuse("a state is given to something that has none");
  }
}

void Unpickler::step_number(unsigned char code) {
  switch (code) {
    case 'N':
      return push(node(Kind::kNone));
    case 0x88:
      return push(node(Kind::kBool, 1));
    case 0x89:
      return push(node(Kind::kBool, 0));
    case 'J':
      return push(node(Kind::kInt, number<int32_t>()));
    case 'K':
      return push(node(Kind::kInt, number<uint8_t>()));
    case 'M':
      return push(node(Kind::kInt, number<uint16_t>()));
    case 'G':
      take(sizeof(double));
      return push(node(Kind::kDouble));
    default:
      break;
  }
  const size_t length = number<uint8_t>();  // LONG1: little-endian, two's complement
  if (length > sizeof(int64_t)) refuse("a number beyond 64 bits");
  const std::string_view digits = take(length);
  uint64_t value = 0;
  for (size_t i = 0; i < length; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(digits[i])) << (8 * i);
  }
  if (length > 0 && length < 8 && (digits[length - 1] & 0x80) != 0) value |= ~0ull << (8 * length);
  push(node(Kind::kInt, static_cast<int64_t>(value)));
}

void Unpickler::step_memo(unsigned char code) {
  const bool is_long = code == 'r' || code == 'j';
  const uint32_t index = is_long ? number<uint32_t>() : number<uint8_t>();
  if (code == 'q' || code == 'r') {
    memo_[index] = top();
    return;
  }
  const auto found = memo_.find(index);
  if (found == memo_.end()) refuse("it recalls what it never stored");
  push(found->second);
}

void Unpickler::step(unsigned char code) {
  switch (code) {
    case 0x80:
      take(1);
      return;  // protocol number
    case 'c': {
      const std::string module(line());
      return push_global(module + " " + std::string(line()));
    }
    case 'q':
    case 'r':
    case 'h':
    case 'j':
      return step_memo(code);
    case 'N':
    case 0x88:
    case 0x89:
    case 'J':
    case 'K':
    case 'M':
    case 'G':
    case 0x8a:
      return step_number(code);
    case 'X':
      return push(node(Kind::kText, 0, std::string(take(number<uint32_t>()))));
    case ')':
      return push(node(Kind::kTuple));
    case '}':
      return push(node(Kind::kDict));
    case ']':
      return push(node(Kind::kList));
    case '(':
      marks_.push_back(stack_.size());
      return;
    case 't': {
      PickleValue tuple = node(Kind::kTuple);
      tuple->items = pop_to_mark();
      return push(tuple);
    }
    case 0x85:
    case 0x86:
    case 0x87:
      return push_tuple(code - 0x84u);
    case 'e':
      return extend_top(Kind::kList, pop_to_mark());
    case 'a': {
      PickleValue item = pop();
      return extend_top(Kind::kList, {item});
    }
    case 'u':
      return extend_top(Kind::kDict, pop_to_mark());
    case 's': {
      PickleValue value = pop(), key = pop();
      return extend_top(Kind::kDict, {key, value});
    }
    case 'Q':
      return push_storage();
    case 'R':
      return reduce();
    case 0x81: {
      pop(Kind::kTuple, "arguments");
      return push(node(Kind::kObject, 0, pop(Kind::kGlobal, "a class")->text));
    }
    case 'b':
      return build();
    default:
      refuse(fmt::format("unknown instruction 0x{:02x} at byte {}", code, at_ - 1));
  }
}

}  // namespace

PickleValue read_pickle(std::string_view bytes, const std::string& label) {
  return Unpickler(bytes, label).run();
}

}  // namespace isomerge
