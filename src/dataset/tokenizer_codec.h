// dataset/tokenizer_codec.h -- the part of the program that knows sentencepiece, a library of its
// own.
//
// It is loaded with the first tokenizer, its symbols for itself: sentencepiece and LibTorch each
// bring a protobuf, of other versions, under the same names.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Functions that can fail return 0 when done and else write why not into `message`.
struct isomerge_tokenizer_functions {
  // A tokenizer from the bytes of a sentencepiece model; null if it cannot be read.
  void* (*open)(const void* bytes, size_t size, char* message, size_t message_size);
  void (*close)(void* tokenizer);
  int64_t (*size)(const void* tokenizer);                     // pieces
  int64_t (*end)(const void* tokenizer);                      // id of </s>; below 0: none
  int64_t (*find)(const void* tokenizer, const char* piece);  // id; that of <unk> if there is none

  // Calls add(receiver, id) for each piece of `text`, UTF-8.
  int (*encode)(const void* tokenizer, const char* text, size_t size,
                void (*add)(void* receiver, int64_t id), void* receiver, char* message,
                size_t message_size);

  // Calls put(receiver, text, size) once.
  int (*decode)(const void* tokenizer, const int64_t* ids, size_t count,
                void (*put)(void* receiver, const char* text, size_t size), void* receiver,
                char* message, size_t message_size);
};

using isomerge_tokenizer_t = const isomerge_tokenizer_functions* (*)();
}
