// dataset/pack_writer.h -- a set of images, prepared once, as a pack.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "dataset/image_set.h"
#include "dataset/preprocessing.h"

namespace isomerge {

struct PackOptions {
  std::string name;       // [a-z0-9_]+
  Preprocessing prepare;  // resize and crop alone: a pack holds pixels, not normalised ones
  int threads = 1;
  std::map<std::string, std::string> provenance;  // "source", "licence" and "description" at least
  std::function<void(int64_t examples)> on_progress = {};  // one call at a time
};

// Writes all splits of the set, decoded, resized and cropped, to a pack with the same classes,
// splits and labels: evaluating it gives what evaluating the set gives, without decoding. Written
// atomically; the bytes do not depend on the number of threads.
//
// throws  Error(kInput) naming the image: what reading throws, images that come out in several
//         sizes, more than 65536 classes. Error(kInterrupted) after a signal. Error(kMachine).
// memory  a few hundred images
void write_pack(const ImageSet& set, const PackOptions& options, const std::filesystem::path& out);

}  // namespace isomerge
