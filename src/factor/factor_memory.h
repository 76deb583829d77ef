// factor/factor_memory.h -- the factors of one matrix, held while several merges ask for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "factor/factor_store.h"

namespace isomerge {

// Holds what it is given, and what it finds in the store behind it. For one thread.
class FactorMemory : public FactorStore {
 public:
  explicit FactorMemory(FactorStore* behind = nullptr) : behind_(behind) {}

  std::optional<Weights> find(const std::string& key) override;
  bool keeps(Use) const override { return true; }
  void put(const std::string& key, const Weights& factors, Use use) override;

  int64_t shared() const { return shared_; }  // how often a factor was here already

 private:
  FactorStore* behind_;
  std::map<std::string, Weights> held_;
  int64_t shared_ = 0;
};

}  // namespace isomerge
