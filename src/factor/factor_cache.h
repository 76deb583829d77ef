// factor/factor_cache.h -- factors on disk, found again by what they were computed from.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "factor/factor_store.h"

namespace isomerge {

// A folder of safetensors files named by the hash of what defines their content: the kind of factor
// and the bytes of the tensors it was computed from. Thread-safe; several processes may share it,
// since a file appears at once and whole, and equal names mean equal content.
class FactorCache : public FactorStore {
 public:
  // Creates the folder. `limit` bounds the bytes of its files: what was used longest ago is removed
  // for what is stored, and what would take more than a quarter of it is not stored; 0: no bound.
  // Several processes that share the folder keep to the bound, each what it sees, within what they
  // write at once. Throws Error(kInput) if the folder cannot be written to.
  explicit FactorCache(std::filesystem::path folder, uint64_t limit = 0);

  // The factors stored under `key`, or nothing. Every read is checked against the checksum in the
  // file; a damaged one is reported, removed, and counts as missing.
  std::optional<Weights> find(const std::string& key) override;

  // Stores factors, replacing what was there. A disk that is full loses the entry, not the merge:
  // the first failure is a warning, after which nothing more is stored.
  bool keeps(Use use) const override { return use == Use::kAgain; }
  void put(const std::string& key, const Weights& factors, Use use) override;

  struct Counts {
    int64_t reused = 0, computed = 0, damaged = 0, removed = 0;
    uint64_t bytes_read = 0, bytes_written = 0;
  };
  Counts counts() const;

 private:
  std::filesystem::path file_of(const std::string& key) const;
  void make_room(uint64_t bytes);

  std::filesystem::path folder_;
  const uint64_t limit_;
  std::mutex room_;    // of held_
  uint64_t held_ = 0;  // bytes in the folder as of the last look, and what was written since
  std::atomic<int64_t> reused_{0}, computed_{0}, damaged_{0}, removed_{0};
  std::atomic<uint64_t> bytes_read_{0}, bytes_written_{0};
  std::atomic<bool> is_full_{false};
};

}  // namespace isomerge
