#include "checkpoint/pickle_stack.h"

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

// Twenty values describe a tensor, so this is a model of 200,000 tensors; a node takes about a
// hundred times the one byte that asks for it.
constexpr size_t kMaxNodes = 4'000'000;

}  // namespace

void PickleStack::refuse(const std::string& fact) const {
  throw input_error(fmt::format("{}: its pickle cannot be read as plain data: {}", label_, fact));
}

std::string_view PickleStack::take(size_t count) {
  if (count > bytes_.size() - at_) refuse("it is cut short");
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

std::string_view PickleStack::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) refuse("it is cut short");
  const std::string_view text = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return text;
}

PickleNode* PickleStack::push(Kind kind, int64_t integer, std::string text) {
  if (tree_.nodes.size() >= kMaxNodes) refuse("it holds more values than any model");
  PickleNode& node = tree_.nodes.emplace_back();
  node.kind = kind;
  node.integer = integer;
  node.text = std::move(text);
  stack_.push_back(&node);
  return &node;
}

PickledTensor* PickleStack::new_tensor() { return &tree_.tensors.emplace_back(); }

PickleNode* PickleStack::top() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) refuse("its stack runs empty");
  return stack_.back();
}

PickleNode* PickleStack::pop() {
  PickleNode* value = top();
  stack_.pop_back();
  return value;
}

PickleNode* PickleStack::pop(Kind kind, const char* expected) {
  PickleNode* value = pop();
  if (value->kind != kind) refuse(fmt::format("expected {}", expected));
  return value;
}

std::vector<PickleNode*> PickleStack::pop_to_mark() {
  if (marks_.empty()) refuse("a mark is missing");
  const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleNode*> items(from, stack_.end());
  stack_.erase(from, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleStack::push_small(unsigned char code) {
  switch (code) {
    case 'N':
      push(Kind::kNone);
      return;
    case 0x88:
    case 0x89:
      push(Kind::kBool, code == 0x88 ? 1 : 0);
      return;
    case 'J':
      push(Kind::kInt, number<int32_t>());
      return;
    case 'K':
      push(Kind::kInt, number<uint8_t>());
      return;
    case 'M':
      push(Kind::kInt, number<uint16_t>());
      return;
    case 'G':
      take(sizeof(double));
      push(Kind::kDouble);
      return;
    default:
      return push_long();
  }
}

// LONG1: little-endian, two's complement.
void PickleStack::push_long() {
  const size_t length = number<uint8_t>();
  if (length > sizeof(int64_t)) refuse("a number beyond 64 bits");
  const std::string_view digits = take(length);
  uint64_t value = 0;
  for (size_t i = 0; i < length; ++i) {
    value |= static_cast<uint64_t>(static_cast<unsigned char>(digits[i])) << (8 * i);
  }
  if (length > 0 && length < 8 && (digits[length - 1] & 0x80) != 0) value |= ~0ull << (8 * length);
  push(Kind::kInt, static_cast<int64_t>(value));
}

void PickleStack::step_memo(unsigned char code) {
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

void PickleStack::extend(Kind kind, const std::vector<PickleNode*>& items) {
  PickleNode* target = top();
  if (target->kind != kind) refuse("items are added to something that holds none");
  if (kind == Kind::kDict && items.size() % 2 != 0) refuse("a key has no value");
  target->items.insert(target->items.end(), items.begin(), items.end());
}

void PickleStack::push_tuple(size_t count) {
  std::vector<PickleNode*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  push(Kind::kTuple)->items = std::move(items);
}

void PickleStack::step_container(unsigned char code) {
  switch (code) {
    case ')':
      push(Kind::kTuple);
      return;
    case '}':
      push(Kind::kDict);
      return;
    case ']':
      push(Kind::kList);
      return;
    case '(':
      marks_.push_back(stack_.size());
      return;
    case 't': {
      auto items = pop_to_mark();
      push(Kind::kTuple)->items = std::move(items);
      return;
    }
    case 'e':
      return extend(Kind::kList, pop_to_mark());
    case 'u':
      return extend(Kind::kDict, pop_to_mark());
    case 'a':
      return extend(Kind::kList, {pop()});
    case 's': {
      PickleNode* value = pop();
      PickleNode* key = pop();
      return extend(Kind::kDict, {key, value});
    }
    default:
      return push_tuple(code - 0x84u);
  }
}

bool PickleStack::step(unsigned char code) {
  const auto is_one_of = [&](std::string_view codes) {
    return codes.find(static_cast<char>(code)) != std::string_view::npos;
  };
  if (code == 0x80) {
    take(1);  // protocol number
  } else if (is_one_of("qrhj")) {
    step_memo(code);
  } else if (is_one_of("NJKMG\x88\x89\x8a")) {
    push_small(code);
  } else if (code == 'X') {
    const size_t length = number<uint32_t>();
    push(Kind::kText, 0, std::string(take(length)));
  } else if (is_one_of("}])(teuas\x85\x86\x87")) {
    step_container(code);
  } else {
    return false;
  }
  return true;
}

PickleTree PickleStack::finish() {
  tree_.top = pop();
  return std::move(tree_);
}

}  // namespace isomerge
