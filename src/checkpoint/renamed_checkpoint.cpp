#include "checkpoint/renamed_checkpoint.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr std::string_view kTower = "vision_model.";

// What precedes the names of a CLIP model of this naming, if its image tower is there.
std::optional<std::string> find_prefix(const Checkpoint& from, Naming naming) {
  for (const TensorInfo& info : from.tensors()) {
    if (info.name == anchor(naming) || info.name.ends_with(fmt::format(".{}", anchor(naming)))) {
      return info.name.substr(0, info.name.size() - anchor(naming).size());
    }
  }
  return {};
}

// HuggingFace's image tower saved by itself.
bool is_bare_tower(const Checkpoint& from) {
  return from.contains(std::string(anchor(Naming::kHuggingFace).substr(kTower.size())));
}

Error not_a_tower(const Checkpoint& from, Naming to) {
  if (find_prefix(from, to)) {
    return input_error(
        fmt::format("{}: the names are {}'s already", from.label(), naming_text(to)));
  }
  return input_error(
      fmt::format("{}: expected a CLIP image tower under {}'s names, but there is no "
                  "tensor [...]{}",
                  from.label(), naming_text(other(to)), anchor(other(to))));
}

std::string no_counterpart(const TensorInfo& info) {
  return fmt::format("{}: {}: no counterpart", info.name, shape_text(info.shape));
}

void throw_if_any(const Checkpoint& from, Naming to, const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  std::string text = fmt::format("{}: {} tensors cannot go under {}'s names:", from.label(),
                                 problems.size(), naming_text(to));
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < std::min(problems.size(), kShown); ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw input_error(text);
}

// position_ids that count from 0: other libraries' files do without.
bool only_counts(const Checkpoint& from, const TensorInfo& info) {
  if (!info.name.ends_with("embeddings.position_ids") || info.dtype != at::kLong) return false;
  const at::Tensor ids = from.read(info.name).flatten();
  return at::equal(ids, at::arange(ids.numel(), at::kLong));
}

}  // namespace

RenamedCheckpoint::RenamedCheckpoint(const Checkpoint& from, Naming to, const std::string& prefix)
    : from_(from) {
  if (!prefix.empty() && to == Naming::kHuggingFace) {
    throw input_error(fmt::format("--prefix {}: HuggingFace's names have none", prefix));
  }
  auto start = find_prefix(from, other(to));
  const bool is_bare = !start && to == Naming::kOpenClip && is_bare_tower(from);
  if (!start && !is_bare) throw not_a_tower(from, to);
  std::vector<std::string> problems;
  for (const TensorInfo& info : from.tensors()) {
    if (!is_bare && !info.name.starts_with(*start)) {
      problems.push_back(no_counterpart(info));
      continue;
    }
    const std::string name =
        is_bare ? std::string(kTower) + info.name : info.name.substr(start->size());
    if (to == Naming::kHuggingFace) {
      add_openclip(info, name, &problems);
    } else {
      add_hugging_face(info, name, prefix, &problems);
    }
  }
  check_stacks(&problems);
  throw_if_any(from, to, problems);
  if (to == Naming::kHuggingFace) return;
  for (TensorInfo& info : tensors_) {  // packed q, k and v: three times the rows of each
    const auto count = static_cast<int64_t>(recipes_.at(info.name).sources.size());
    if (count > 1) info.shape[0] *= count;
  }
}

void RenamedCheckpoint::add_openclip(const TensorInfo& info, const std::string& name,
                                     std::vector<std::string>* problems) {
  const auto found = counterpart(name, Naming::kHuggingFace);
  if (!found || (found->is_transposed && info.shape.size() != 2)) {
    problems->push_back(no_counterpart(info));
    return;
  }
  const size_t packed = found->name.find(kPacked);
  if (packed == std::string::npos) {
    add({found->name, info.dtype, info.shape}, {{{info.name}}, found->is_transposed});
    return;
  }
  if (info.shape.empty() || info.shape[0] % 3 != 0) {
    problems->push_back(fmt::format("{}: expected q, k and v in equal numbers of rows, got {}",
                                    info.name, shape_text(info.shape)));
    return;
  }
  std::vector<int64_t> shape = info.shape;
  shape[0] /= 3;
  for (size_t i = 0; i < kSplit.size(); ++i) {
    std::string split = found->name;
    split.replace(packed, kPacked.size(), kSplit[i]);
    add({split, info.dtype, shape}, {{{info.name, static_cast<int64_t>(i) * shape[0], shape[0]}}});
  }
}

void RenamedCheckpoint::add_hugging_face(const TensorInfo& info, const std::string& name,
                                         const std::string& prefix,
                                         std::vector<std::string>* problems) {
  std::string packed = name;
  size_t part = kSplit.size();
  for (size_t i = 0; i < kSplit.size(); ++i) {
    const size_t at = name.find(kSplit[i]);
    if (at == std::string::npos) continue;
    packed.replace(at, kSplit[i].size(), kPacked);
    part = i;
  }
  // A packed name that the file itself has is not HuggingFace's.
  const auto found = part == kSplit.size() && name.find(kPacked) != std::string::npos
                         ? std::nullopt
                         : counterpart(packed, Naming::kOpenClip);
  if (!found || (found->is_transposed && info.shape.size() != 2)) {
    if (only_counts(from_, info)) {
      left_out_.push_back(info.name);
    } else {
      problems->push_back(no_counterpart(info));
    }
    return;
  }
  const std::string target = prefix + found->name;
  if (part == kSplit.size()) {
    add({target, info.dtype, info.shape}, {{{info.name}}, found->is_transposed});
    return;
  }
  if (!recipes_.contains(target)) {
    add({target, info.dtype, info.shape}, {std::vector<Source>(kSplit.size())});
  }
  recipes_.at(target).sources[part].name = info.name;
}

void RenamedCheckpoint::add(TensorInfo info, Recipe recipe) {
  if (recipe.is_transposed) std::swap(info.shape[0], info.shape[1]);
  recipes_[info.name] = std::move(recipe);
  tensors_.push_back(std::move(info));
}

// q, k and v that become one tensor: all there, of one shape and dtype.
void RenamedCheckpoint::check_stacks(std::vector<std::string>* problems) const {
  for (const TensorInfo& info : tensors_) {
    const std::vector<Source>& sources = recipes_.at(info.name).sources;
    if (sources.size() == 1) continue;
    for (const Source& source : sources) {
      if (source.name.empty()) {
        problems->push_back(fmt::format("{}: not all of q, k and v are there", info.name));
        continue;
      }
      const TensorInfo& part = from_.require_info(source.name);
      if (part.shape == info.shape && part.dtype == info.dtype && !part.shape.empty()) continue;
      problems->push_back(fmt::format("{}: expected {} {} as its neighbours, got {} {}",
                                      source.name, dtype_text(info.dtype), shape_text(info.shape),
                                      dtype_text(part.dtype), shape_text(part.shape)));
    }
  }
}

at::Tensor RenamedCheckpoint::read(const std::string& name) const {
  const Recipe& recipe = recipes_.at(name);
  if (recipe.sources.size() > 1) {
    std::vector<at::Tensor> parts;
    for (const Source& source : recipe.sources) parts.push_back(from_.read(source.name));
    return at::cat(parts);
  }
  const Source& source = recipe.sources.front();
  if (source.rows == 0) {
    const at::Tensor whole = from_.read(source.name);
    return recipe.is_transposed ? whole.t().contiguous() : whole;
  }
  std::vector<int64_t> shape = from_.require_info(source.name).shape;
  shape[0] = source.rows;
  at::Tensor rows = at::empty(shape, from_.require_info(source.name).dtype);
  from_.read_rows(source.name, source.first_row, source.rows, rows.mutable_data_ptr());
  return rows;
}

}  // namespace isomerge
