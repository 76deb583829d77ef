// dataset/image_codec.h -- the part of the program that knows OpenCV, a library of its own.
//
// It is loaded when the first image is decoded: OpenCV brings a hundred libraries, which a merge
// neither waits for nor keeps in memory, and a BLAS that nothing else must resolve to.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Told the size, then asked where the planes red, green, blue go: [3, height, width] bytes.
using isomerge_image_room = uint8_t* (*)(void* receiver, int64_t height, int64_t width);

// Decodes a file of `size` bytes. 0: done; 1: not an image; 2: `message` says why not.
using isomerge_decode_image_t = int (*)(const unsigned char* bytes, size_t size,
                                        isomerge_image_room room, void* receiver, char* message,
                                        size_t message_size);
}
