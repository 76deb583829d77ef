#include "merge/dare.h"

#include <ATen/ops/empty_like.h>
#include <fmt/format.h>

#include "base/random.h"

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

double dare_uniform(uint64_t key, uint64_t i) { return random_uniform(key, i); }

uint64_t dare_key(uint64_t seed, const std::string& tensor, const std::string& task) {
  return random_key(fmt::format("{}/{}/{}", seed, tensor, task));
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
