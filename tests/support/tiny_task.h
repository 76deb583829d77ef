// support/tiny_task.h -- a task that a linear encoder learns in a moment, with all its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/tensor_info.h"
#include "support/temporary_folder.h"

namespace isomerge {

// Images of one row and three pixels; the class is the position of the brightest one. The head is
// the identity, times a temperature; the base knows nothing (random weights).
class TinyTask {
 public:
  TinyTask();

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    return folder_.write(name, text);
  }

  // Replaces encoder and base by two layers that have the names of linear ones: first.weight [8,
  // 9], first.bias [8] and second.weight [3, 8], fp32. Returns the base.
  Weights use_linear_layers() const;

  // suite.json: tasks "shapes" (train.pack), "bare", which names no training pack, and "unbuilt",
  // whose training pack is not there. `finetune` is the text of that key's value.
  std::filesystem::path write_suite(const std::string& finetune) const;

 private:
  // encoder.pt, base.safetensors, heads.safetensors, train.pack, data.pack
  TemporaryFolder folder_;
};

}  // namespace isomerge
