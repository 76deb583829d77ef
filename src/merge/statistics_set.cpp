#include "merge/statistics_set.h"

#include <algorithm>
#include <array>

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

void require_expected(const Statistics& file, const ExpectedOrigin& expected) {
  const StatisticsOrigin& origin = file.origin();
  const std::array<std::tuple<const char*, const std::string*, const std::string*>, 3> fields = {
      {{"expert", &expected.expert, &origin.expert},
       {"dataset", &expected.data, &origin.data},
       {"module", &expected.module, &origin.module}}};
  for (const auto& [name, wanted, found] : fields) {
    if (wanted->empty() || *wanted == *found) continue;
    throw input_error(
        fmt::format("{}: statistics of another {}: expected hash {}, got {}; delete "
                    "the file and make it again with `isomerge statistics`",
                    file.label(), name, *wanted, *found));
  }
}

}  // namespace

StatisticsSet::StatisticsSet(const std::filesystem::path& folder,
                             const std::vector<std::string>& tasks,
                             const std::vector<StatisticsKind>& kinds,
                             const std::map<std::string, ExpectedOrigin>& expected)
    : tasks_(tasks) {
  for (const std::string& task : tasks) {
    files_.emplace_back();
    for (const StatisticsKind kind : kinds) {
      auto file = std::make_unique<Statistics>(folder, task, kind);
      if (const auto found = expected.find(task); found != expected.end()) {
        require_expected(*file, found->second);
      }
      files_.back()[kind] = std::move(file);
    }
  }
}

const Statistics& StatisticsSet::of(size_t task, StatisticsKind kind) const {
  return *files_[task].at(kind);
}

std::vector<at::Tensor> StatisticsSet::fisher(const TensorInfo& parameter, int64_t first,
                                              int64_t count, at::ScalarType dtype) const {
  std::vector<at::Tensor> out;
  for (size_t t = 0; t < tasks(); ++t) {
    out.push_back(of(t, StatisticsKind::kFisher).fisher(parameter, first, count, dtype));
  }
  return out;
}

std::vector<at::Tensor> StatisticsSet::grams(StatisticsKind kind, const std::string& weight,
                                             int64_t n, at::ScalarType dtype) const {
  std::vector<at::Tensor> out;
  for (size_t t = 0; t < tasks(); ++t) out.push_back(of(t, kind).gram(weight, n, dtype));
  return out;
}

bool StatisticsSet::have_grams(StatisticsKind kind, const std::string& weight) const {
  size_t with = 0;
  const Statistics* without = nullptr;
  for (size_t t = 0; t < tasks(); ++t) {
    if (of(t, kind).has_gram(weight)) {
      ++with;
    } else {
      without = &of(t, kind);
    }
  }
  if (with > 0 && without != nullptr) {
    throw input_error(
        fmt::format("{}: nothing of {}, which other tasks have", without->label(), weight));
  }
  return with > 0;
}

at::Tensor scale_off_diagonal(at::Tensor gram, double lambda) {
  if (lambda == 1.0) return gram;
  const at::Tensor diagonal = gram.diagonal().clone();
  gram.mul_(lambda);
  gram.diagonal().copy_(diagonal);
  return gram;
}

}  // namespace isomerge
