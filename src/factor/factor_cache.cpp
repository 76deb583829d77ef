#include "factor/factor_cache.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

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

constexpr const char* kExtension = ".safetensors";
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

struct Entry {
  std::filesystem::path path;
  std::filesystem::file_time_type used;
  uint64_t bytes = 0;
};

// The factors in a folder, those first that were used longest ago. Files that another process
// removes meanwhile are passed over.
std::vector<Entry> entries_of(const std::filesystem::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    if (file.path().extension() != kExtension) continue;
    Entry entry{file.path(), file.last_write_time(error), 0};
    if (!error) entry.bytes = file.file_size(error);
    if (!error) entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.used, a.path) < std::tie(b.used, b.path);
  });
  return entries;
}

}  // namespace

FactorCache::FactorCache(std::filesystem::path folder, uint64_t limit)
    : folder_(std::move(folder)), limit_(limit) {
  require_writable_folder(folder_);
  if (limit_ == 0) return;
  for (const Entry& entry : entries_of(folder_)) held_ += entry.bytes;
  if (held_ > limit_) make_room(0);
}

// Down to nine tenths of the limit at once, so that the folder is not looked through each time.
void FactorCache::make_room(uint64_t bytes) {
  const std::lock_guard lock(room_);
  if (held_ + bytes > limit_) {
    const std::vector<Entry> entries = entries_of(folder_);
    held_ = 0;
    for (const Entry& entry : entries) held_ += entry.bytes;
    for (const Entry& entry : entries) {
      if (held_ + bytes <= limit_ / 10 * 9) break;
      std::error_code error;
      if (std::filesystem::remove(entry.path, error)) ++removed_;
      held_ -= entry.bytes;
    }
  }
  held_ += bytes;
}

std::filesystem::path FactorCache::file_of(const std::string& key) const {
  return folder_ / (key + kExtension);
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
    if (limit_ > 0) {  // its time of change tells when it was last of use
      std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now(),
                                       missing);
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
  if (limit_ > 0) {
    if (bytes_of(factors) > limit_ / 4) return;
    make_room(bytes_of(factors));
  }
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
  return {reused_, computed_, damaged_, removed_, bytes_read_, bytes_written_};
}

}  // namespace isomerge
