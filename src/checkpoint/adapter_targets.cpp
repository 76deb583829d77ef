#include "checkpoint/adapter_targets.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/clip_names.h"

namespace isomerge {
namespace {

bool ends_with_name(std::string_view whole, std::string_view name) {
  return whole == name || (whole.size() > name.size() && whole.ends_with(name) &&
                           whole[whole.size() - name.size() - 1] == '.');
}

std::vector<int64_t> shape_of(const AdapterTarget& target, const TensorInfo& info) {
  std::vector<int64_t> shape = info.shape;
  if (!shape.empty()) shape[0] = target.rows;
  if (target.is_transposed && shape.size() == 2) std::swap(shape[0], shape[1]);
  return shape;
}

// The tensors whose names are the wanted one with something in front, or the other way round: then
// the longest of them, since that drops the least.
std::vector<AdapterTarget> by_name(const Checkpoint& base, std::string_view wanted) {
  std::vector<AdapterTarget> longer;
  AdapterTarget shorter;
  for (const TensorInfo& info : base.tensors()) {
    const int64_t rows = info.shape.empty() ? 1 : info.shape[0];
    if (ends_with_name(info.name, wanted)) longer.push_back({info.name, 0, rows});
    if (ends_with_name(wanted, info.name) && info.name.size() > shorter.name.size()) {
      shorter = {info.name, 0, rows};
    }
  }
  if (longer.empty() && !shorter.name.empty()) return {shorter};
  return longer;
}

// HuggingFace's name with q, k or v replaced by the packed tensor, and which third of it that is.
std::pair<std::string, std::optional<int64_t>> packed(std::string name) {
  for (size_t i = 0; i < kSplit.size(); ++i) {
    const size_t at = name.find(kSplit[i]);
    if (at == std::string::npos) continue;
    return {name.replace(at, kSplit[i].size(), kPacked), static_cast<int64_t>(i)};
  }
  return {std::move(name), {}};
}

// An adapter of the image tower alone has names without "vision_model.".
std::vector<AdapterTarget> by_other_naming(const Checkpoint& base, std::string_view wanted) {
  constexpr std::string_view kTower = "vision_model.";
  const size_t tower = wanted.find(kTower);
  const std::string name(tower == std::string_view::npos ? wanted : wanted.substr(tower));
  std::string whole;
  std::optional<int64_t> third;
  std::optional<Counterpart> found;
  for (const std::string& candidate : {name, std::string(kTower) + name}) {
    std::tie(whole, third) = packed(candidate);
    found = counterpart(whole, Naming::kOpenClip);
    if (found) break;
  }
  if (!found) return {};
  std::vector<AdapterTarget> out = by_name(base, found->name);
  // visual.* also ends the names of nothing else, but a text tower's end those of the image's.
  std::erase_if(out, [&](const AdapterTarget& it) { return it.name.size() < found->name.size(); });
  for (AdapterTarget& target : out) {
    target.is_transposed = found->is_transposed;
    if (third) target.rows /= 3, target.first = *third * target.rows;
  }
  return out;
}

}  // namespace

AdapterTarget find_adapter_target(const Checkpoint& base, std::string_view wanted,
                                  const std::vector<int64_t>& shape) {
  if (base.contains(std::string(wanted))) {
    const TensorInfo& info = base.require_info(std::string(wanted));
    return {info.name, 0, info.shape.empty() ? 1 : info.shape[0]};
  }
  std::vector<AdapterTarget> found = by_name(base, wanted);
  if (found.empty()) found = by_other_naming(base, wanted);
  if (found.size() > 1) {
    std::vector<AdapterTarget> fitting;
    std::copy_if(found.begin(), found.end(), std::back_inserter(fitting),
                 [&](const AdapterTarget& target) {
                   return shape_of(target, base.require_info(target.name)) == shape;
                 });
    if (!fitting.empty()) found = std::move(fitting);
  }
  if (found.empty()) return {};
  if (found.size() == 1) return found.front();
  std::vector<std::string> names;
  for (const AdapterTarget& target : found) names.push_back(target.name);
  throw input_error(
      fmt::format("{}: it may mean {} of {}", wanted, join(names, " or "), base.label()));
}

}  // namespace isomerge
