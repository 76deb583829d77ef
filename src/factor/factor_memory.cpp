#include "factor/factor_memory.h"

namespace isomerge {

std::optional<Weights> FactorMemory::find(const std::string& key) {
  const auto held = held_.find(key);
  if (held != held_.end()) {
    ++shared_;
    return held->second;
  }
  if (behind_ == nullptr) return std::nullopt;
  std::optional<Weights> stored = behind_->find(key);
  if (stored) held_[key] = *stored;
  return stored;
}

void FactorMemory::put(const std::string& key, const Weights& factors, Use use) {
  held_[key] = factors;
  if (behind_ != nullptr) behind_->put(key, factors, use);
}

}  // namespace isomerge
