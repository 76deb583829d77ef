#include "checkpoint/layout.h"

#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

std::map<std::string, const TensorInfo*> by_name(const std::vector<TensorInfo>& tensors) {
  std::map<std::string, const TensorInfo*> index;
  for (const TensorInfo& info : tensors) index[info.name] = &info;
  return index;
}

}  // namespace

std::vector<std::string> layout_differences(const Layout& reference, const Layout& other) {
  const auto wanted = by_name(reference.tensors);
  const auto found = by_name(other.tensors);
  std::vector<std::string> unexpected;  // candidates for a renamed tensor
  for (const auto& [name, info] : found) {
    if (!wanted.contains(name)) unexpected.push_back(name);
  }

  std::map<std::string, std::string> lines;  // by tensor name
  for (const auto& [name, info] : wanted) {
    const auto match = found.find(name);
    if (match == found.end()) {
      lines[name] = fmt::format("missing: {} {}{}", name, shape_text(info->shape),
                                nearest_hint(name, unexpected));
    } else if (match->second->shape != info->shape) {
      lines[name] = fmt::format("shape: {}: expected {}, got {}", name, shape_text(info->shape),
                                shape_text(match->second->shape));
    } else if (is_floating(match->second->dtype) != is_floating(info->dtype)) {
      lines[name] = fmt::format("dtype: {}: expected {}, got {}", name, dtype_text(info->dtype),
                                dtype_text(match->second->dtype));
    }
  }
  for (const std::string& name : unexpected) {
    lines[name] = fmt::format("extra: {} {}", name, shape_text(found.at(name)->shape));
  }

  std::vector<std::string> out;
  for (auto& [name, line] : lines) out.push_back(std::move(line));
  return out;
}

void require_same_layout(const Layout& reference, const std::vector<Layout>& others) {
  std::string report;
  for (const Layout& other : others) {
    const auto differences = layout_differences(reference, other);
    if (differences.empty()) continue;
    if (!report.empty()) report += '\n';
    report += fmt::format("{} differs from {} in {} tensor{}:", other.label, reference.label,
                          differences.size(), differences.size() == 1 ? "" : "s");
    for (const std::string& line : differences) report += "\n  " + line;
  }
  if (!report.empty()) throw input_error(report);
}

}  // namespace isomerge
