#include "checkpoint/adapter.h"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

using Kind = AdapterChange::Kind;

fs::path weights_of(const fs::path& folder) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw input_error(fmt::format(
      "{}: an adapter without weights; looked for adapter_model.safetensors, adapter_model.bin",
      folder.string()));
}

}  // namespace

std::vector<fs::path> adapter_files(const fs::path& folder) {
  return {folder / "adapter_config.json", weights_of(folder)};
}

Adapter::Adapter(const fs::path& folder, const Checkpoint& base)
    : folder_(folder),
      base_(base),
      config_(read_adapter_config(folder)),
      file_(weights_of(folder)),
      changes_(find_adapter_changes(file_, config_, base)) {}

uint64_t Adapter::bytes(const std::string& name) const {
  uint64_t bytes = 0;
  const auto found = changes_.find(name);
  if (found == changes_.end()) return 0;
  for (const AdapterChange& change : found->second) {
    bytes += file_.require_info(change.first_factor).bytes();
    if (!change.second_factor.empty()) bytes += file_.require_info(change.second_factor).bytes();
  }
  return bytes;
}

at::Tensor Adapter::read(const std::string& stored) const {
  const at::Tensor tensor = file_.read(stored).to(at::kDouble);
  const int64_t bad = tensor.numel() - at::isfinite(tensor).sum().item<int64_t>();
  if (bad != 0) {
    throw input_error(fmt::format("{}: {} {}: {} of {} entries are NaN or Inf", file_.label(),
                                  stored, shape_text(tensor.sizes().vec()), bad, tensor.numel()));
  }
  return tensor;
}

// In the orientation of the base's tensor.
LowRank Adapter::factors(const AdapterChange& change) const {
  const at::Tensor a = read(change.first_factor), b = read(change.second_factor) * change.scale;
  if (change.is_transposed) return {a.t(), b.t()};
  return {b, a};
}

std::optional<LowRank> Adapter::low_rank(const std::string& name, int64_t first,
                                         int64_t rows) const {
  const int64_t n = base_.require_info(name).shape[1];
  std::vector<at::Tensor> left = {at::empty({rows, 0}, at::kDouble)};
  std::vector<at::Tensor> right = {at::empty({0, n}, at::kDouble)};
  const auto found = changes_.find(name);
  if (found == changes_.end()) return LowRank{left.front(), right.front()};
  for (const AdapterChange& change : found->second) {
    if (change.kind != Kind::kFactors) return {};
    const int64_t from = std::max(first, change.first);
    const int64_t to = std::min(first + rows, change.first + change.rows);
    if (from >= to) continue;
    const LowRank own = factors(change);
    at::Tensor b = at::zeros({rows, own.b.size(1)}, at::kDouble);
    b.narrow(0, from - first, to - from).copy_(own.b.narrow(0, from - change.first, to - from));
    left.push_back(std::move(b));
    right.push_back(own.a);
  }
  return LowRank{at::cat(left, 1), at::cat(right, 0)};
}

std::optional<int64_t> Adapter::rank(const std::string& name, int64_t first, int64_t rows) const {
  int64_t rank = 0;
  const auto found = changes_.find(name);
  if (found == changes_.end()) return rank;
  for (const AdapterChange& change : found->second) {
    if (change.kind != Kind::kFactors) return {};
    const bool is_here = change.first < first + rows && first < change.first + change.rows;
    if (is_here) rank += file_.require_info(change.first_factor).shape[0];
  }
  return rank;
}

at::Tensor Adapter::update(const std::string& name, const at::Tensor& base, int64_t first) const {
  const at::Tensor values = base.to(at::kDouble);
  at::Tensor update = at::zeros_like(values);
  const int64_t rows = values.dim() == 0 ? 1 : values.size(0);
  for (const AdapterChange& change : changes_.at(name)) {
    const int64_t from = std::max(first, change.first);
    const int64_t to = std::min(first + rows, change.first + change.rows);
    if (from >= to) continue;
    const auto here = [&](const at::Tensor& of) {
      return of.dim() == 0 ? of : of.narrow(0, from - first, to - from);
    };
    const auto own = [&](const at::Tensor& of) {
      return of.dim() == 0 ? of : of.narrow(0, from - change.first, to - from);
    };
    at::Tensor part = here(update);
    const at::Tensor old = here(values);
    if (change.kind == Kind::kFactors) {
      const LowRank product = factors(change);
      part.add_(at::mm(own(product.b), product.a));
      continue;
    }
    const at::Tensor stored = read(change.first_factor);
    if (change.kind == Kind::kWhole) {
      part.add_(own(stored)).sub_(old);
    } else if (change.kind == Kind::kColumnScale) {
      part.add_(old * (stored - 1.0));
    } else {
      const at::Tensor scales = own(stored) - 1.0;
      part.add_(old * (old.dim() == 1 ? scales.view({-1}) : scales));
    }
  }
  return update;
}

std::string Adapter::hash(const std::string& name) const {
  Hasher hasher;
  for (const AdapterChange& change : changes_.at(name)) {
    hasher.update(fmt::format("{} {} {} {} {}", static_cast<int>(change.kind), change.first,
                              change.rows, number_text(change.scale), change.is_transposed));
    for (const std::string& stored : {change.first_factor, change.second_factor}) {
      if (stored.empty()) continue;
      const at::Tensor tensor = file_.read(stored);
      hasher.update(
          fmt::format("{} {}", dtype_text(tensor.scalar_type()), shape_text(tensor.sizes().vec())));
      hasher.update(tensor.const_data_ptr(), tensor.nbytes());
    }
  }
  return hasher.digest();
}

}  // namespace isomerge
