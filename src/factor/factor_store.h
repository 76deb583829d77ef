// factor/factor_store.h -- where factors are kept under a key that says what they were made of.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// How long factors are of use.
enum class Use {
  kAgain,   // to whoever meets the same tensors
  kAtHand,  // to other merges of the same matrix that follow at once: too large to write, cheap to
            // make
};

// Thread-safety is each store's own. Equal keys mean equal content, but for what is kept at hand
// for whoever comes next: that may be replaced.
class FactorStore {
 public:
  virtual ~FactorStore() = default;

  // The factors kept under `key`, or nothing. They are shared: nobody writes into them.
  virtual std::optional<Weights> find(const std::string& key) = 0;

  // Whether factors of that use are kept at all.
  virtual bool keeps(Use use) const = 0;

  // Keeps factors, replacing what was there, if it keeps such.
  virtual void put(const std::string& key, const Weights& factors, Use use) = 0;
};

}  // namespace isomerge
