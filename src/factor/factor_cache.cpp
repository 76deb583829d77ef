#include "factor/factor_cache.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

namespace isomerge {
namespace {

constexpr const char* kChecksum = "isomerge.checksum";

std::string checksum_of(const Weights& factors) {
  Hasher hasher;
  for (const auto& [name, tensor] : factors) {
    const at::Tensor values = tensor.contiguous();
    hasher.update(name).update(shape_text(values.sizes().vec()));
    hasher.update(values.const_data_ptr(), values.nbytes());
  }
  return hasher.digest();
}

uint64_t bytes_of(const Weights& factors) {
  uint64_t total = 0;
  for (const auto& [name, tensor] : factors) total += tensor.nbytes();
  return total;
}

}  // namespace

FactorCache::FactorCache(std::filesystem::path folder) : folder_(std::move(folder)) {
  require_writable_folder(folder_);
}

std::filesystem::path FactorCache::file_of(const std::string& key) const {
  return folder_ / (key + ".safetensors");
}

std::optional<Weights> FactorCache::find(const std::string& key) {
  const std::filesystem::path path = file_of(key);
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return std::nullopt;
  try {
    const Checkpoint file(path);
    Weights factors = file.read_all();
    const auto stored = file.metadata().find(kChecksum);
    if (stored == file.metadata().end() || stored->second != checksum_of(factors)) {
      throw input_error(path.string() + ": its values do not fit its checksum");
    }
    ++reused_;
    bytes_read_ += bytes_of(factors);
    return factors;
  } catch (const Error& error) {
    if (error.fault() != Fault::kInput) throw;
    log_warning(fmt::format("{}; it is removed and computed again", error.what()));
    ++damaged_;
    std::filesystem::remove(path, missing);
    return std::nullopt;
  }
}

void FactorCache::put(const std::string& key, const Weights& factors, Use use) {
  if (!keeps(use)) return;
  ++computed_;
  if (is_full_) return;
  try {
    write_safetensors(file_of(key), factors, {{kChecksum, checksum_of(factors)}});
    bytes_written_ += bytes_of(factors);
  } catch (const Error& error) {
    if (!is_full_.exchange(true)) {
      log_warning(fmt::format("{}; factors are no longer stored", error.what()));
    }
  }
}

FactorCache::Counts FactorCache::counts() const {
  return {reused_, computed_, damaged_, bytes_read_, bytes_written_};
}

}  // namespace isomerge
