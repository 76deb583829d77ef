#include "analysis/merged_update.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/output.h"
#include "task/entries.h"
#include "task/updates.h"

namespace isomerge {
namespace {

bool says_update(const Checkpoint& file) {
  const auto content = file.metadata().find(kContentKey);
  return content != file.metadata().end() && content->second == kContentUpdate;
}

Layout floating_layout(const Checkpoint& checkpoint) {
  Layout layout{checkpoint.label(), {}};
  std::copy_if(checkpoint.tensors().begin(), checkpoint.tensors().end(),
               std::back_inserter(layout.tensors),
               [](const TensorInfo& info) { return is_floating(info.dtype); });
  return layout;
}

}  // namespace

MergedUpdate::MergedUpdate(const std::filesystem::path& file, const Checkpoint& base)
    : file_(file), base_(base), is_update_(says_update(*file_)) {
  require_same_layout(floating_layout(base), {floating_layout(*file_)});
}

MergedUpdate::MergedUpdate(Weights update, const Checkpoint& base)
    : held_(std::move(update)), base_(base) {}

at::Tensor MergedUpdate::rows(const std::string& name, int64_t first, int64_t rows,
                              at::ScalarType dtype) const {
  const TensorInfo& info = base_.require_info(name);
  if (!file_) {
    const at::Tensor& whole = held_.at(name);
    return (whole.dim() == 0 ? whole : whole.narrow(0, first, rows)).to(dtype);
  }
  at::Tensor update = read_rows(*file_, info, first, rows).to(dtype);
  if (!is_update_) update = update.sub(read_rows(base_, info, first, rows).to(dtype));
  if (!all_finite(update)) {
    throw input_error(fmt::format("{}: {}: holds NaN or Inf", file_->label(), name));
  }
  return update;
}

at::Tensor MergedUpdate::load(const std::string& name, at::ScalarType dtype) const {
  return rows(name, 0, row_count(base_.require_info(name)), dtype);
}

}  // namespace isomerge
