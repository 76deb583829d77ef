#include "task/updates.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"

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

void require_finite(const at::Tensor& values, const std::string& name, const std::string& whose) {
  const int64_t bad = values.numel() - at::isfinite(values).sum().item<int64_t>();
  if (bad != 0) {
    throw input_error(fmt::format("{}: {} of {} entries of {} are NaN or Inf", name,
                                  with_commas(static_cast<uint64_t>(bad)),
                                  with_commas(static_cast<uint64_t>(values.numel())), whose));
  }
}

}  // namespace

bool Update::is_zero() const { return dense_.count_nonzero().item<int64_t>() == 0; }

Role RoleRules::role_of(const TensorInfo& info) const {
  if (!is_floating(info.dtype)) return Role::kCopied;
  if (any_matches(exclude, info.name)) return Role::kExcluded;
  const bool is_matrix =
      info.shape.size() == 2 && info.name.find("text_projection") == std::string::npos;
  return is_matrix && !any_matches(average, info.name) ? Role::kMatrix : Role::kOther;
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

Updates::Updates(const std::filesystem::path& base, const std::vector<Expert>& experts) {
  if (experts.empty()) throw input_error("no expert given; name at least one as task=path");
  require_distinct_tasks(experts);
  require_distinct_files(base, experts);
  base_ = std::make_unique<Checkpoint>(base);
  std::vector<Layout> layouts;
  for (const Expert& expert : experts) {
    tasks_.push_back(expert.task);
    experts_.push_back(std::make_unique<Checkpoint>(expert.path));
    layouts.push_back(experts_.back()->layout());
  }
  require_same_layout(base_->layout(), layouts);
}

uint64_t Updates::bytes(const std::string& name) const {
  uint64_t total = base_->require_info(name).bytes();
  for (const auto& expert : experts_) total += expert->require_info(name).bytes();
  return total;
}

Updates::Loaded Updates::load(const std::string& name, at::ScalarType dtype) const {
  Loaded loaded;
  loaded.base = base_->read(name).to(dtype);
  require_finite(loaded.base, name, base_->label());
  for (size_t t = 0; t < experts_.size(); ++t) {
    const at::Tensor stored = experts_[t]->read(name);
    loaded.hashes.push_back(Hasher().update(stored.const_data_ptr(), stored.nbytes()).digest());
    at::Tensor update = stored.to(dtype).sub_(loaded.base);
    require_finite(update, name, fmt::format("task \"{}\" ({})", tasks_[t], experts_[t]->label()));
    loaded.updates.emplace_back(std::move(update));
  }
  return loaded;
}

void Updates::require_equal(const std::string& name) const {
  const at::Tensor reference = base_->read(name);
  for (const auto& expert : experts_) {
    if (!expert->read(name).to(reference.scalar_type()).equal(reference)) {
      throw input_error(
          fmt::format("{}: {} ({}) differs from {}; only floating tensors can be merged",
                      expert->label(), name, dtype_text(reference.scalar_type()), base_->label()));
    }
  }
}

}  // namespace isomerge
