// config/configuration.h -- the canonical short string of a method with its options and alpha:
// label, key and file name at once: "iso_cts/common_fraction=0.8/null=zero/alpha=1.2".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/options.h"

namespace isomerge {

struct Configuration {
  std::string method;
  Options options;
  std::optional<double> alpha;

  bool operator==(const Configuration&) const = default;
};

// The method, its options by name (naming_options() of them), alpha last. parse_configuration() is
// its exact reverse for configurations with resolved options.
std::string configuration_text(const Configuration& configuration);

// Options that are left out get their defaults; alpha stays empty if left out. Throws Error(kInput)
// on an unknown method or option, a value out of range, or the same name twice.
Configuration parse_configuration(std::string_view text);

}  // namespace isomerge
