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

WeightSource::WeightSource(const Experiment& experiment, std::filesystem::path statistics,
                           int threads, c10::Device device, FactorCache* cache)
    : experiment_(experiment),
      statistics_(std::move(statistics)),
      threads_(threads),
      device_(device),
      cache_(cache),
      groups_(merge_groups(experiment)) {}

Weights WeightSource::weights(const Row& row, const Candidate& candidate, const std::string& task) {
  const Suite& suite = experiment_.suite;
  if (row.method == "zero_shot") return Checkpoint(suite.base).read_all();
  if (row.method == "fine_tuned") {
    const Checkpoint base(suite.base);
    return ExpertFile(require_task(suite, task).expert, base).weights();
  }
  const Held& held = merged(row, candidate.options_on(task));
  Weights weights = base_;
  for (const auto& [name, update] : held.update) {
    weights[name] = base_.at(name).add(update, candidate.alpha.value());
  }
  return weights;
}

Weights WeightSource::merged_update(const Row& row, const Candidate& candidate) {
  return merged(row, candidate.options).update;
}

const std::vector<std::pair<std::string, Findings>>& WeightSource::findings(
    const Row& row, const Candidate& candidate) {
  return merged(row, candidate.options).findings;
}

MethodInputs WeightSource::inputs_of(const SuiteMerge& merge) {
  const auto kinds = statistics_of(merge.method, merge.options);
  if (kinds.empty()) return {};
  SuiteStatistics how;
  how.folder = statistics_;
  how.threads = threads_;
  how.device = device_;
  for (const std::string& task : merge.tasks) {
    std::vector<StatisticsKind> missing;
    for (const StatisticsKind kind : kinds) {
      if (complete_.insert({task, kind}).second) missing.push_back(kind);
    }
    if (!missing.empty()) complete_statistics(experiment_.suite, task, missing, how);
  }
  return {std::make_shared<StatisticsSet>(statistics_, merge.tasks, kinds,
                                          std::map<std::string, ExpectedOrigin>{})};
}

const WeightSource::Held& WeightSource::merged(const Row& row, const Options& options) {
  const SuiteMerge wanted{row.method, options, row.task_set};
  const auto known = held_.find(wanted.key());
  if (known != held_.end()) return known->second;
  const std::vector<SuiteMerge> group = groups_.group_of(wanted);
  try {
    merge(group);
  } catch (const Error& error) {
    if (error.fault() == Fault::kInterrupted || group.size() == 1) throw;
    merge({wanted});  // what is wrong with another merge must not keep this one back
  }
  return held_.at(wanted.key());
}

// All of them in one pass over the tasks that some of them merges.
void WeightSource::merge(const std::vector<SuiteMerge>& merges) {
  held_.clear();
  std::vector<Expert> experts;
  std::map<std::string, size_t> position;
  for (const SuiteMerge& merge : merges) {
    for (const std::string& task : merge.tasks) {
      if (!position.try_emplace(task, experts.size()).second) continue;
      experts.push_back({task, require_task(experiment_.suite, task).expert});
    }
  }
  std::vector<MergePoint> points;
  for (const SuiteMerge& merge : merges) {
    MergePoint point;
    point.rules = require_method(merge.method).rules(merge.options, inputs_of(merge));
    for (const std::string& task : merge.tasks) point.tasks.push_back(position.at(task));
    points.push_back(std::move(point));
  }
  MergeSettings settings;
  settings.roles = {experiment_.exclude, experiment_.average, experiment_.split_attention};
  settings.dtype = compute_dtype(experiment_.precision);
  settings.threads = threads_;
  settings.device = device_;
  settings.cache = cache_;
  std::vector<Held> done(merges.size());
  const auto summaries = merge_tensors(Updates(experiment_.suite.base, experts), points, settings,
                                       [&](size_t p, MergedTensor tensor) {
                                         const std::string& name = tensor.info.name;
                                         base_.try_emplace(name, std::move(tensor.base));
                                         if (!tensor.update.defined()) return;
                                         done[p].update[name] = std::move(tensor.update);
                                       });
  for (size_t p = 0; p < merges.size(); ++p) {
    done[p].findings = summaries[p].findings;
    held_[merges[p].key()] = std::move(done[p]);
  }
}

}  // namespace isomerge
