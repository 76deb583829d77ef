#include "task/updates.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "task/entries.h"

namespace isomerge {
namespace {

bool any_matches(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_matches(glob, name); });
}

void require_distinct_tasks(const std::vector<Expert>& experts) {
  std::set<std::string> names;
  for (const Expert& expert : experts) {
    if (!names.insert(expert.task).second) {
      throw input_error(fmt::format("task \"{}\" is given twice", expert.task));
    }
  }
}

// The same file counted twice would weigh twice in every sum, which nobody means.
void require_distinct_files(const std::filesystem::path& base, const std::vector<Expert>& experts) {
  const auto canonical = [](const std::filesystem::path& path) {
    std::error_code error;
    const auto resolved = std::filesystem::canonical(path, error);
    return error ? path : resolved;  // a missing file is reported when it is opened
  };
  std::map<std::filesystem::path, std::string> seen{{canonical(base), "the base"}};
  for (const Expert& expert : experts) {
    const std::string who = fmt::format("task \"{}\"", expert.task);
    const auto [other, is_new] = seen.emplace(canonical(expert.path), who);
    if (!is_new) {
      throw input_error(
          fmt::format("{}: given for {} and for {}; every expert needs a file of its "
                      "own",
                      expert.path.string(), other->second, who));
    }
  }
}

// How many entries are NaN or Inf; `whose` tells the person which file has them.
void refuse_nonfinite(const at::Tensor& values, const std::string& name, const std::string& whose) {
  const int64_t bad = values.numel() - at::isfinite(values).sum().item<int64_t>();
  if (bad != 0) {
    throw input_error(fmt::format("{}: {} of {} entries of {} are NaN or Inf", name,
                                  with_commas(static_cast<uint64_t>(bad)),
                                  with_commas(static_cast<uint64_t>(values.numel())), whose));
  }
}

}  // namespace

int64_t row_count(const TensorInfo& info) { return info.shape.empty() ? 1 : info.shape[0]; }

std::vector<RowBlock> row_blocks(const TensorInfo& info) {
  constexpr int64_t kEntries = int64_t{1} << 17;
  const int64_t rows = row_count(info);
  const int64_t row_entries = info.elements() / std::max<int64_t>(rows, 1);
  const int64_t step = std::max<int64_t>(kEntries / std::max<int64_t>(row_entries, 1), 1);
  std::vector<RowBlock> blocks{{0, std::min(step, rows)}};
  for (int64_t first = step; first < rows; first += step) {
    blocks.push_back({first, std::min(step, rows - first)});
  }
  return blocks;
}

std::string role_text(Role role) {
  switch (role) {
    case Role::kMatrix:
      return "matrix";
    case Role::kExcluded:
      return "excluded";
    case Role::kCopied:
      return "copied";
    case Role::kOther:
      break;
  }
  return "other";
}

Role RoleRules::role_of(const TensorInfo& info) const {
  if (!is_floating(info.dtype)) return Role::kCopied;
  if (any_matches(exclude, info.name)) return Role::kExcluded;
  const bool is_matrix =
      info.shape.size() == 2 && info.name.find("text_projection") == std::string::npos;
  return is_matrix && !any_matches(average, info.name) ? Role::kMatrix : Role::kOther;
}

bool RoleRules::is_vector(const TensorInfo& info) const {
  return info.shape.size() == 1 && role_of(info) == Role::kOther &&
         !any_matches(average, info.name);
}

int64_t RoleRules::parts_of(const TensorInfo& info) const {
  const bool is_packed =
      info.name.ends_with("in_proj_weight") && info.shape.size() == 2 && info.shape[0] % 3 == 0;
  return split_attention && is_packed && role_of(info) == Role::kMatrix ? 3 : 1;
}

void RoleRules::require_matches(const std::vector<TensorInfo>& tensors) const {
  for (const auto& [option, globs] : {std::pair("exclude", &exclude), {"average", &average}}) {
    for (const std::string& glob : *globs) {
      if (std::none_of(tensors.begin(), tensors.end(),
                       [&](const TensorInfo& info) { return glob_matches(glob, info.name); })) {
        throw input_error(fmt::format(
            "--{} \"{}\" fits none of the {} tensors; `isomerge inspect` lists their names", option,
            glob, tensors.size()));
      }
    }
  }
}

Updates::Updates(const std::filesystem::path& base, const std::vector<Expert>& experts)
    : Updates(base, experts, TensorData::kRequired) {}

Updates::Updates(const std::filesystem::path& base, const std::vector<Expert>& experts,
                 TensorData data) {
  if (experts.empty()) throw input_error("no expert given; name at least one as task=path");
  require_distinct_tasks(experts);
  require_distinct_files(base, experts);
  base_ = std::make_unique<Checkpoint>(base, data);
  std::vector<Layout> layouts;
  for (const Expert& expert : experts) {
    tasks_.push_back(expert.task);
    experts_.push_back(std::make_unique<ExpertFile>(expert.path, *base_, data));
    if (const Checkpoint* whole = experts_.back()->checkpoint()) {
      layouts.push_back(whole->layout());
    } else {
      has_adapters_ = true;
    }
  }
  require_same_layout(base_->layout(), layouts);
}

std::vector<std::filesystem::path> Updates::files() const {
  std::vector<std::filesystem::path> files = base_->files();
  for (const auto& expert : experts_) {
    const auto own = expert->files();
    files.insert(files.end(), own.begin(), own.end());
  }
  return files;
}

std::vector<std::filesystem::path> Updates::files_without_data() const {
  std::vector<std::filesystem::path> files = base_->files_without_data();
  for (const auto& expert : experts_) {
    if (expert->checkpoint() == nullptr) continue;
    const auto own = expert->checkpoint()->files_without_data();
    files.insert(files.end(), own.begin(), own.end());
  }
  return files;
}

uint64_t Updates::bytes(const std::string& name) const {
  uint64_t total = base_->require_info(name).bytes();
  for (const auto& expert : experts_) total += expert->bytes(name);
  return total;
}

std::optional<int64_t> Updates::total_rank(const std::string& name, int64_t first,
                                           int64_t rows) const {
  int64_t total = 0;
  for (const auto& expert : experts_) {
    const auto rank = expert->rank(name, first, rows);
    if (!rank) return {};
    total += *rank;
  }
  return total;
}

Updates::Loaded Updates::load_rows(const std::string& name, int64_t first, int64_t rows,
                                   at::ScalarType dtype, const Extras& extras) const {
  const TensorInfo& info = base_->require_info(name);
  Loaded loaded;
  const at::Tensor stored_base = read_rows(*base_, info, first, rows);
  loaded.base = stored_base.to(dtype);
  if (extras.hashes) loaded.hashes.push_back(stored_hash(stored_base));
  if (extras.check && has_adapters_ && !all_finite(loaded.base)) {
    refuse_nonfinite(loaded.base, name, base_->label());
  }
  const ExpertFile::Rows base_rows{info, first, stored_base, loaded.base};
  for (size_t t = 0; t < experts_.size(); ++t) {
    ExpertFile::Read read = experts_[t]->read(base_rows, extras.low_rank, extras.hashes);
    if (extras.hashes) loaded.hashes.push_back(std::move(read.hash));
    const at::Tensor& update = read.update.dense();
    if (extras.check && update.defined() && !all_finite(update)) {
      refuse_nonfinite(loaded.base, name, base_->label());
      refuse_nonfinite(update, name,
                       fmt::format("task \"{}\" ({})", tasks_[t], experts_[t]->label()));
    }
    loaded.updates.push_back(std::move(read.update));
  }
  return loaded;
}

Updates::Loaded Updates::load(const std::string& name, at::ScalarType dtype) const {
  return load_rows(name, 0, row_count(base_->require_info(name)), dtype, {});
}

bool Updates::is_unchanged(const std::string& name) const {
  const TensorInfo& info = base_->require_info(name);
  for (const auto& [first, rows] : row_blocks(info)) {
    const at::Tensor base = read_rows(*base_, info, first, rows);
    for (const auto& expert : experts_) {
      if (!expert->is_unchanged(info, first, base)) return false;
    }
  }
  return true;
}

void Updates::will_need(const std::string& name) const {
  base_->will_need(name);
  for (const auto& expert : experts_) expert->will_need(name);
}

void Updates::require_equal(const std::string& name) const {
  const at::Tensor reference = base_->read(name);
  for (const auto& expert : experts_) {
    const Checkpoint* whole = expert->checkpoint();
    if (whole != nullptr && !whole->read(name).to(reference.scalar_type()).equal(reference)) {
      throw input_error(
          fmt::format("{}: {} ({}) differs from {}; only floating tensors can be merged",
                      expert->label(), name, dtype_text(reference.scalar_type()), base_->label()));
    }
  }
}

}  // namespace isomerge
