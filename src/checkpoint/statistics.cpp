#include "checkpoint/statistics.h"

#include <array>
#include <cstring>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

const std::string kPrefix = "isomerge.statistics.";

// The fields of an origin with their names.
template <class Origin>
auto fields_of(Origin& origin) {
  return std::array{std::pair{"task", &origin.task},        std::pair{"kind", &origin.kind},
                    std::pair{"expert", &origin.expert},    std::pair{"module", &origin.module},
                    std::pair{"data", &origin.data},        std::pair{"split", &origin.split},
                    std::pair{"examples", &origin.examples}};
}

Checkpoint open_file(const std::filesystem::path& folder, const std::string& task,
                     StatisticsKind kind) {
  const std::filesystem::path path = statistics_path(folder, task, kind);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    throw input_error(
        fmt::format("{}: no such file: statistics of task \"{}\"; `isomerge "
                    "statistics SUITE.json --kind {} --out {}` makes them",
                    path.string(), task,
                    kind == StatisticsKind::kInput    ? "gram"
                    : kind == StatisticsKind::kOutput ? "kfac"
                                                      : kind_text(kind),
                    folder.string()));
  }
  return Checkpoint(path);
}

}  // namespace

std::string kind_text(StatisticsKind kind) {
  return kind == StatisticsKind::kFisher   ? "fisher"
         : kind == StatisticsKind::kInput  ? "input"
         : kind == StatisticsKind::kOutput ? "output"
                                           : "block_fisher";
}

std::filesystem::path statistics_path(const std::filesystem::path& folder, const std::string& task,
                                      StatisticsKind kind) {
  return folder / fmt::format("{}.{}.safetensors", task, kind_text(kind));
}

at::Tensor pack_symmetric(const at::Tensor& full) {
  const at::Tensor source = full.to(at::kCPU, at::kFloat).contiguous();
  const int64_t n = source.size(0);
  at::Tensor packed = at::empty({n * (n + 1) / 2}, at::kFloat);
  const float* from = source.const_data_ptr<float>();
  float* to = packed.mutable_data_ptr<float>();
  for (int64_t row = 0; row < n; ++row, from += n) {
    to = std::copy(from, from + row + 1, to);
  }
  return packed;
}

at::Tensor unpack_symmetric(const at::Tensor& packed, int64_t n, at::ScalarType dtype) {
  at::Tensor full = at::empty({n, n}, at::kFloat);
  const float* from = packed.const_data_ptr<float>();
  float* to = full.mutable_data_ptr<float>();
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column <= row; ++column, ++from) {
      to[row * n + column] = to[column * n + row] = *from;
    }
  }
  return full.to(dtype);
}

std::string input_key(const std::string& weight) { return "isomerge.input." + weight; }

std::map<std::string, std::string> origin_metadata(const StatisticsOrigin& origin) {
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : fields_of(origin)) metadata[kPrefix + name] = *value;
  return metadata;
}

Statistics::Statistics(const std::filesystem::path& folder, const std::string& task,
                       StatisticsKind kind)
    : kind_(kind), file_(open_file(folder, task, kind)) {
  for (const auto& [name, value] : fields_of(origin_)) {
    const auto found = file_.metadata().find(kPrefix + name);
    if (found == file_.metadata().end()) {
      throw input_error(fmt::format("{}: not a file of statistics: no metadata \"{}{}\"", label(),
                                    kPrefix, name));
    }
    *value = found->second;
  }
  if (origin_.kind != kind_text(kind) || origin_.task != task) {
    throw input_error(fmt::format("{}: expected statistics {} of task \"{}\", got {} of \"{}\"",
                                  label(), kind_text(kind), task, origin_.kind, origin_.task));
  }
}

at::Tensor Statistics::fisher(const TensorInfo& parameter, int64_t first, int64_t count,
                              at::ScalarType dtype) const {
  const TensorInfo& info = file_.require_info(parameter.name);
  if (info.shape != parameter.shape) {
    throw input_error(fmt::format("{}: {}: expected {}, got {}", label(), parameter.name,
                                  shape_text(parameter.shape), shape_text(info.shape)));
  }
  const int64_t rows = info.shape.empty() ? 1 : info.shape[0];
  const int64_t row_entries = rows == 0 ? 0 : info.elements() / rows;
  at::Tensor entries = at::empty({count}, at::kFloat);
  if (count > 0) {
    file_.read_rows(parameter.name, first / row_entries, count / row_entries,
                    entries.mutable_data_ptr());
  }
  return entries.to(dtype);
}

std::optional<std::string> Statistics::find_gram(const std::string& weight) const {
  if (kind_ != StatisticsKind::kInput) {
    const std::string name = kind_text(kind_) + "/" + weight;
    return file_.contains(name) ? std::optional(name) : std::nullopt;
  }
  const auto found = file_.metadata().find(input_key(weight));
  return found == file_.metadata().end() ? std::nullopt : std::optional(found->second);
}

at::Tensor Statistics::gram(const std::string& weight, int64_t n, at::ScalarType dtype) const {
  const auto name = find_gram(weight);
  if (!name) throw input_error(fmt::format("{}: nothing of {}", label(), weight));
  const at::Tensor packed = file_.read(*name);
  if (packed.dim() != 1 || packed.scalar_type() != at::kFloat ||
      packed.numel() != n * (n + 1) / 2) {
    throw input_error(
        fmt::format("{}: {}: expected the {} fp32 entries of a triangle of {} rows, "
                    "got {} {}",
                    label(), *name, n * (n + 1) / 2, n, dtype_text(packed.scalar_type()),
                    shape_text(packed.sizes().vec())));
  }
  return unpack_symmetric(packed, n, dtype);
}

}  // namespace isomerge
