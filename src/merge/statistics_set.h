// merge/statistics_set.h -- StatisticsSet: the statistics of all experts of one merge.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/statistics.h"

namespace isomerge {

// The bytes that statistics have to be of. Hashes of files; empty: not compared.
struct ExpectedOrigin {
  std::string expert, data, module;
};

// By task, in the order of the merge. Reading is thread-safe.
class StatisticsSet {
 public:
  // expected  by task; tasks that are not in it are not compared
  // throws    Error(kInput) naming the file: not there (with the command that makes it), damaged,
  // of
  //           another task or kind, of another expert, dataset or module.
  StatisticsSet(const std::filesystem::path& folder, const std::vector<std::string>& tasks,
                const std::vector<StatisticsKind>& kinds,
                const std::map<std::string, ExpectedOrigin>& expected);

  size_t tasks() const { return tasks_.size(); }

  // Of every task, in order. See Statistics.
  std::vector<at::Tensor> fisher(const TensorInfo& parameter, int64_t first, int64_t count,
                                 at::ScalarType dtype) const;
  std::vector<at::Tensor> grams(StatisticsKind kind, const std::string& weight, int64_t n,
                                at::ScalarType dtype) const;

  // Whether all tasks have a matrix for the weight. Throws Error(kInput) naming a file without it
  // if only some have.
  bool have_grams(StatisticsKind kind, const std::string& weight) const;

 private:
  const Statistics& of(size_t task, StatisticsKind kind) const;

  std::vector<std::string> tasks_;
  std::vector<std::map<StatisticsKind, std::unique_ptr<Statistics>>> files_;  // by task
};

// g scaled off its diagonal: lambda g + (1 - lambda) diag(g), as RegMean does.
at::Tensor scale_off_diagonal(at::Tensor gram, double lambda);

}  // namespace isomerge
