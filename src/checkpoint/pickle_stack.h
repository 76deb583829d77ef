// checkpoint/pickle_stack.h -- the stack machine under a pickle: bytes, stack, marks and memo. It
// knows nothing of tensors.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/pickle_tree.h"

namespace isomerge {

// Every function throws Error(kInput) naming `label` when the pickle asks for what is not there.
class PickleStack {
 public:
  using Kind = PickleNode::Kind;

  PickleStack(std::string_view bytes, const std::string& label) : bytes_(bytes), label_(label) {}

  [[noreturn]] void refuse(const std::string& fact) const;

  // The next bytes of the pickle: a number of them, a little-endian number, a line.
  std::string_view take(size_t count);
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view line();
  size_t at() const { return at_; }

  // New values. The node stays changeable while it is being filled.
  PickleNode* push(Kind kind, int64_t integer = 0, std::string text = "");
  void push(PickleNode* node) { stack_.push_back(node); }
  PickledTensor* new_tensor();

  // Values above the last mark; a mark is never taken for a value.
  PickleNode* pop();
  PickleNode* pop(Kind kind, const char* expected);  // refuses any other kind
  PickleNode* top();

  // Carries out an instruction that makes, fills or recalls plain data; false if it is another one.
  bool step(unsigned char code);

  PickleTree finish();  // the value on top, with all nodes

 private:
  std::vector<PickleNode*> pop_to_mark();
  void push_small(unsigned char code);
  void push_long();
  void push_tuple(size_t count);
  void extend(Kind kind, const std::vector<PickleNode*>& items);
  void step_memo(unsigned char code);
  void step_container(unsigned char code);

  std::string_view bytes_;
  const std::string& label_;
  size_t at_ = 0;
  PickleTree tree_;
  std::vector<PickleNode*> stack_;
  std::vector<size_t> marks_;
  std::map<uint32_t, PickleNode*> memo_;
};

}  // namespace isomerge
