#include "merge/dare.h"

#include <ATen/ops/empty_like.h>
#include <fmt/format.h>

namespace isomerge {
namespace {

template <typename T>
at::Tensor dropped(const at::Tensor& update, double drop, uint64_t key, int64_t first) {
  at::Tensor out = at::empty_like(update);
  const T* const from = update.const_data_ptr<T>();
  T* const to = out.mutable_data_ptr<T>();
  const T kept = static_cast<T>(1.0 - drop);
  for (int64_t i = 0; i < update.numel(); ++i) {
    to[i] = dare_uniform(key, static_cast<uint64_t>(first + i)) >= drop ? from[i] / kept : T(0);
  }
  return out;
}

}  // namespace

double dare_uniform(uint64_t key, uint64_t i) {
  uint64_t z = key + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

uint64_t dare_key(uint64_t seed, const std::string& tensor, const std::string& task) {
  uint64_t key = 0xcbf29ce484222325u;
  for (const char c : fmt::format("{}/{}/{}", seed, tensor, task)) {
    key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return key;
}

BlockChange dare_change(double drop, uint64_t seed) {
  return [=](const Block& block) {
    Block changed{block.info, block.tasks, block.first, {}};
    for (size_t t = 0; t < block.updates.size(); ++t) {
      const at::Tensor& update = block.updates[t];
      const uint64_t key = dare_key(seed, block.info.name, block.tasks[t]);
      changed.updates.push_back(update.scalar_type() == at::kDouble
                                    ? dropped<double>(update, drop, key, block.first)
                                    : dropped<float>(update, drop, key, block.first));
    }
    return changed;
  };
}

}  // namespace isomerge
