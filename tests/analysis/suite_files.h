// analysis/suite_files.h -- a small suite on disk: wide, tall and square matrices in two blocks,
// one that nobody changes, one that one task leaves as it is, and a vector.
#pragma once

#include <string>
#include <vector>

#include <ATen/ops/zeros.h>

#include "checkpoint/safetensors.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"
#include "task/updates.h"

namespace isomerge {

class SuiteFiles {
 public:
  static constexpr int kTasks = 3;

  SuiteFiles() {
    save("base", base());
    for (int t = 0; t < kTasks; ++t) save(task(t), expert(t));
  }

  static std::string task(int t) { return std::string(1, static_cast<char>('a' + t)); }

  static Weights base() {
    return {{"blocks.2.wide", at::zeros({5, 9})}, {"blocks.10.wide", at::zeros({6, 7})},
            {"blocks.2.tall", at::zeros({9, 5})}, {"square", at::zeros({6, 6})},
            {"frozen", at::zeros({3, 4})},        {"blocks.2.bias", at::zeros({4})},
            {"ids", at::zeros({2, 2}, at::kLong)}};
  }

  // Its values are the update, since the base is zero.
  static Weights expert(int t) {
    Weights weights = base();
    uint64_t seed = 100 * static_cast<uint64_t>(t) + 1;
    for (auto& [name, tensor] : weights) {
      if (name == "frozen" || name == "ids" || (name == "square" && t == 1)) continue;
      tensor = random_tensor(tensor.sizes(), seed++).to(at::kFloat);
    }
    return weights;
  }

  static at::Tensor update(int t, const std::string& name) {
    return expert(t).at(name).to(at::kDouble);
  }

  static at::Tensor sum(const std::string& name) {
    at::Tensor total = update(0, name).clone();
    for (int t = 1; t < kTasks; ++t) total.add_(update(t, name));
    return total;
  }

  std::filesystem::path path(const std::string& name) const {
    return folder_ / (name + ".safetensors");
  }

  std::filesystem::path save(const std::string& name, const Weights& weights,
                             const std::map<std::string, std::string>& metadata = {}) const {
    write_safetensors(path(name), weights, metadata);
    return path(name);
  }

  // A file as `isomerge merge --update-only` writes it.
  std::filesystem::path save_update(const std::string& name, Weights weights) const {
    weights.erase("ids");
    return save(name, weights, {{"isomerge.content", "merged update"}});
  }

  Updates updates() const {
    std::vector<Expert> experts;
    for (int t = 0; t < kTasks; ++t) experts.push_back({task(t), path(task(t))});
    return Updates(path("base"), experts);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace isomerge
