#include "experiment/weight_source.h"

#include <utility>

#include "base/text.h"
#include "config/configuration.h"
#include "experiment/suite_statistics.h"
#include "merge/merge_files.h"
#include "merge/method.h"

namespace isomerge {

std::vector<Expert> row_experts(const Suite& suite, const Row& row) {
  std::vector<Expert> experts;
  for (const std::string& task : row.task_set) {
    experts.push_back({task, require_task(suite, task).expert});
  }
  return experts;
}

Weights WeightSource::weights(const Row& row, const Candidate& candidate, const std::string& task) {
  const Suite& suite = experiment_.suite;
  if (row.method == "zero_shot") return Checkpoint(suite.base).read_all();
  if (row.method == "fine_tuned") {
    const Checkpoint base(suite.base);
    return ExpertFile(require_task(suite, task).expert, base).weights();
  }
  merge(row, candidate.options_on(task));
  Weights weights;
  for (const MergedTensor& tensor : merged_) {
    weights[tensor.info.name] = tensor.update.defined()
                                    ? tensor.base.add(tensor.update, candidate.alpha.value())
                                    : tensor.base;
  }
  return weights;
}

Weights WeightSource::merged_update(const Row& row, const Candidate& candidate) {
  merge(row, candidate.options);
  Weights update;
  for (const MergedTensor& tensor : merged_) {
    if (tensor.update.defined()) update[tensor.info.name] = tensor.update;
  }
  return update;
}

MethodInputs WeightSource::inputs_of(const Row& row, const Options& options) {
  const auto kinds = statistics_of(row.method, options);
  if (kinds.empty()) return {};
  SuiteStatistics how;
  how.folder = statistics_;
  how.threads = threads_;
  how.device = device_;
  for (const std::string& task : row.task_set) {
    std::vector<StatisticsKind> missing;
    for (const StatisticsKind kind : kinds) {
      if (complete_.insert({task, kind}).second) missing.push_back(kind);
    }
    if (!missing.empty()) complete_statistics(experiment_.suite, task, missing, how);
  }
  return {std::make_shared<StatisticsSet>(statistics_, row.task_set, kinds,
                                          std::map<std::string, ExpectedOrigin>{})};
}

void WeightSource::merge(const Row& row, const Options& options) {
  const std::string wanted =
      configuration_text({row.method, options, {}}) + "," + join(row.task_set, ",");
  if (wanted == merged_for_) return;
  merged_for_.clear();
  merged_.clear();
  MergeSettings settings;
  settings.roles = {experiment_.exclude, experiment_.average, experiment_.split_attention};
  settings.dtype = compute_dtype(experiment_.precision);
  settings.threads = threads_;
  settings.device = device_;
  settings.cache = cache_;
  const MergeSummary summary =
      merge_tensors(Updates(experiment_.suite.base, row_experts(experiment_.suite, row)),
                    require_method(row.method).rules(options, inputs_of(row, options)), settings,
                    [&](MergedTensor tensor) { merged_.push_back(std::move(tensor)); });
  findings_ = summary.findings;
  merged_for_ = wanted;
}

}  // namespace isomerge
