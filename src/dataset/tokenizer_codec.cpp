// Built as libisomerge_tokenizer.so; see tokenizer_codec.h.
#include "dataset/tokenizer_codec.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sentencepiece_processor.h>

namespace {

using sentencepiece::SentencePieceProcessor;

const SentencePieceProcessor& processor(const void* tokenizer) {
  return *static_cast<const SentencePieceProcessor*>(tokenizer);
}

// 0, or 1 and the reason, of a call that gives a Status.
template <class Call>
int outcome(const Call& call, char* message, size_t message_size) {
  std::string reason;
  try {
    const auto status = call();
    if (status.ok()) return 0;
    reason = status.message();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  std::snprintf(message, message_size, "%s", reason.c_str());
  return 1;
}

void* open(const void* bytes, size_t size, char* message, size_t message_size) {
  auto made = std::make_unique<SentencePieceProcessor>();
  const std::string_view model(static_cast<const char*>(bytes), size);
  const auto load = [&] { return made->LoadFromSerializedProto(model); };
  return outcome(load, message, message_size) == 0 ? made.release() : nullptr;
}

void close(void* tokenizer) { delete static_cast<SentencePieceProcessor*>(tokenizer); }

int64_t size(const void* tokenizer) { return processor(tokenizer).GetPieceSize(); }
int64_t end(const void* tokenizer) { return processor(tokenizer).eos_id(); }
int64_t find(const void* tokenizer, const char* piece) {
  return processor(tokenizer).PieceToId(piece);
}

int encode(const void* tokenizer, const char* text, size_t size,
           void (*add)(void* receiver, int64_t id), void* receiver, char* message,
           size_t message_size) {
  std::vector<int> ids;
  const auto call = [&] { return processor(tokenizer).Encode({text, size}, &ids); };
  if (outcome(call, message, message_size) != 0) return 1;
  for (const int id : ids) add(receiver, id);
  return 0;
}

int decode(const void* tokenizer, const int64_t* ids, size_t count,
           void (*put)(void* receiver, const char* text, size_t size), void* receiver,
           char* message, size_t message_size) {
  std::string text;
  const std::vector<int> pieces(ids, ids + count);
  const auto call = [&] { return processor(tokenizer).Decode(pieces, &text); };
  if (outcome(call, message, message_size) != 0) return 1;
  put(receiver, text.data(), text.size());
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const isomerge_tokenizer_functions*
isomerge_tokenizer() {
  static const isomerge_tokenizer_functions functions{open, close, size, end, find, encode, decode};
  return &functions;
}
