#include "experiment/run_estimate.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include <ATen/core/Tensor.h>

#include "base/memory.h"
#include "config/mask_rows.h"
#include "dataset/example_reader.h"
#include "eval/batches.h"
#include "eval/text_evaluation.h"
#include "experiment/merge_groups.h"
#include "experiment/suite_evaluator.h"
#include "merge/merge_plan.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

constexpr int64_t kSample = 4;  // images; a large encoder takes a second for each

template <typename Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What one example costs a worker, by task, and the memory that the model takes.
class ExampleCosts {
 public:
  explicit ExampleCosts(const Experiment& experiment) : experiment_(experiment) {}
  virtual ~ExampleCosts() = default;

  virtual int64_t size(const std::string& task, const std::string& split) = 0;

  double seconds(const std::string& task) {
    const auto known = seconds_.find(task);
    return known != seconds_.end() ? known->second
                                   : seconds_.emplace(task, measure(task)).first->second;
  }

  uint64_t model_bytes() const { return model_bytes_; }

 protected:
  virtual double measure(const std::string& task) = 0;

  void bind_base(BoundModule& module) {
    const Checkpoint base(experiment_.suite.base);
    for (const TensorInfo& info : base.tensors()) model_bytes_ += info.bytes();
    module.bind(base.read_all(), base.label());
  }

  const Experiment& experiment_;

 private:
  uint64_t model_bytes_ = 0;
  std::map<std::string, double> seconds_;
};

at::ScalarType module_dtype(const Experiment& experiment) {
  return experiment.bf16_encoder ? at::kBFloat16 : at::kFloat;
}

class TextCosts : public ExampleCosts {
 public:
  TextCosts(const Experiment& experiment, const RunSettings& settings)
      : ExampleCosts(experiment),
        tokenizer_(experiment.suite.tokenizer),
        model_(experiment.suite.module, settings.device, module_dtype(experiment)) {
    bind_base(model_);
  }

  int64_t size(const std::string& task, const std::string& split) override {
    return set_of(task).require_split(split).size();
  }

  double measure(const std::string& task) override {
    TokenizedSplit sample = tokenize(set_of(task), experiment_.report_split, tokenizer_,
                                     experiment_.suite.text.most_tokens);
    const size_t count = std::min<size_t>(sample.prompts.size(), kTexts);
    sample.prompts.resize(count);
    evaluate(model_, tokenizer_, sample, {});  // the first time prepares what the later ones use
    const double all = seconds_of([&] { evaluate(model_, tokenizer_, sample, {}); });
    return all / static_cast<double>(count);
  }

 private:
  static constexpr size_t kTexts = 8;

  const TextSet& set_of(const std::string& task) {
    return sets_.try_emplace(task, require_task(experiment_.suite, task).data).first->second;
  }

  const Tokenizer tokenizer_;
  LanguageModel model_;
  std::map<std::string, TextSet> sets_;
};

class ImageCosts : public ExampleCosts {
 public:
  ImageCosts(const Experiment& experiment, const RunSettings& settings)
      : ExampleCosts(experiment),
        encoder_(experiment.suite.module, settings.device, module_dtype(experiment)) {
    bind_base(encoder_);
  }

  // Images of a split.
  int64_t size(const std::string& task, const std::string& split) override {
    return set_of(task).require_split(split).size();
  }

  double measure(const std::string& task) override {
    const SingleThread single_thread;
    const ImageSet& set = set_of(task);
    const Split& split = set.require_split(experiment_.report_split);
    std::vector<Example> examples;
    for (int64_t i = 0; i < std::min(kSample, split.size()); ++i) {
      examples.push_back({split.begin + i});
    }
    const ExampleReader reader(set, suite_preprocessing(experiment_.suite));
    at::Tensor images;
    const double read = seconds_of([&] { images = reader.read(examples).images; });
    if (encode_ == 0.0) {
      encoder_.encode(images);  // the first time prepares what the later ones use
      encode_ = seconds_of([&] { encoder_.encode(images); }) / static_cast<double>(examples.size());
    }
    return read / static_cast<double>(examples.size()) + encode_;
  }

 private:
  const ImageSet& set_of(const std::string& task) {
    auto& set = sets_[task];
    if (!set) set = open_image_set(require_task(experiment_.suite, task).data);
    return *set;
  }

  Encoder encoder_;
  double encode_ = 0.0;  // one image, one worker
  std::map<std::string, std::unique_ptr<ImageSet>> sets_;
};

std::unique_ptr<ExampleCosts> costs_of(const Experiment& experiment, const RunSettings& settings) {
  if (experiment.suite.is_language()) return std::make_unique<TextCosts>(experiment, settings);
  return std::make_unique<ImageCosts>(experiment, settings);
}

bool is_merged(const Row& row) { return row.method != "zero_shot" && row.method != "fine_tuned"; }

Recipe recipe_of(const Experiment& experiment, const SuiteMerge& merge) {
  Recipe recipe;
  recipe.method = merge.method;
  recipe.options = merge.options;
  recipe.precision = experiment.precision;
  recipe.exclude = experiment.exclude;
  recipe.average = experiment.average;
  recipe.split_attention = experiment.split_attention;
  recipe.base = experiment.suite.base;
  for (const std::string& task : merge.tasks) {
    recipe.experts.emplace_back(task, require_task(experiment.suite, task).expert);
  }
  return recipe;
}

class Estimator {
 public:
  Estimator(const Experiment& experiment, const RunSettings& settings)
      : experiment_(experiment),
        settings_(settings),
        groups_(merge_groups(experiment)),
        costs_(costs_of(experiment, settings)) {}

  RunEstimate estimate() {
    RunEstimate out;
    for (const Row& row : experiment_.rows) {
      const Row experts = fine_tuned_row(row.task_set);
      evaluate(experts, 1, experiment_.select.split, &out.experts);
      evaluate(experts, 1, experiment_.report_split, &out.experts);
    }
    for (const Row& row : experiment_.rows) {
      RowEstimate found;
      if (needs_lambdas(row)) add(mask_trials(row), /*is_reported=*/false, &found);
      add(row, /*is_reported=*/true, &found);
      out.rows.push_back(found);
    }
    // The evaluated model and the encoder, and base and merged updates of all tensors (weight
    // source), beside what a merge needs.
    size_t held = 1;
    for (const auto& group : groups_.groups()) held = std::max(held, group.size());
    out.memory = std::max(merge_memory_, resident_memory()) + 2 * costs_->model_bytes() +
                 held * update_bytes(experiment_);
    return out;
  }

 private:
  void add(const Row& row, bool is_reported, RowEstimate* out) {
    const auto candidates = static_cast<int64_t>(row.candidates.size());
    const auto tasks = static_cast<int64_t>(row.task_set.size());
    const bool is_searched = candidates > 1 || !is_reported;
    if (is_merged(row)) {
      const bool one_for_all = row.candidates.front().by_task.empty();
      const int64_t lines = candidates / static_cast<int64_t>(row.line_length);
      int64_t merges = one_for_all ? lines : is_searched ? candidates * tasks : 0;
      const bool is_grouped = groups_.group_of(merge_of(row, 0)).size() > 1;
      // The chosen one again, unless it is still there: alphas share a merge.
      if (is_reported && one_for_all && lines > 1 && !is_grouped) ++merges;
      if (is_reported && !one_for_all) merges += tasks;
      out->merges += merges;
      if (is_grouped) {
        for (size_t i = 0; i < row.candidates.size(); i += row.line_length) {
          out->merge_seconds += grouped_seconds(row, i);
        }
      } else {
        out->merge_seconds += static_cast<double>(merges) * merge_seconds(row);
      }
    }
    if (is_searched) evaluate(row, candidates, experiment_.select.split, out);
    if (is_reported) evaluate(row, 1, experiment_.report_split, out);
  }

  void evaluate(const Row& row, int64_t times, const std::string& split, RowEstimate* out) {
    for (const std::string& task : row.task_set) {
      // Rows without a merge share their records, whatever the task set.
      if (!is_merged(row) && !shared_.insert({row.method, task, split}).second) continue;
      const int64_t examples = times * costs_->size(task, split);
      out->evaluations += times;
      out->examples += examples;
      out->encode_seconds +=
          static_cast<double>(examples) * costs_->seconds(task) / settings_.threads;
    }
  }

  static SuiteMerge merge_of(const Row& row, size_t candidate) {
    return {row.method, row.candidates[candidate].options, row.task_set};
  }

  // This merge's part of its group's pass: what is shared is shared by all alike.
  double grouped_seconds(const Row& row, size_t candidate) {
    const std::vector<SuiteMerge> group = groups_.group_of(merge_of(row, candidate));
    const auto [known, is_new] = group_seconds_.try_emplace(group.front().key(), 0.0);
    if (is_new) {
      std::map<std::vector<std::string>, std::vector<Recipe>> by_tasks;
      for (const SuiteMerge& merge : group) {
        by_tasks[merge.tasks].push_back(recipe_of(experiment_, merge));
      }
      for (const auto& [tasks, recipes] : by_tasks) known->second += planned_seconds(recipes);
    }
    return known->second / static_cast<double>(group.size());
  }

  double planned_seconds(const std::vector<Recipe>& recipes) {
    MergeResources resources;
    resources.threads = settings_.threads;
    const MergePlan plan = plan_merge(recipes, resources);
    merge_memory_ = std::max(merge_memory_, plan.memory);
    return plan.seconds;
  }

  // Of methods that read statistics nothing is known before these are there.
  double merge_seconds(const Row& row) {
    if (row.uses_statistics) return 0.0;
    const Options options = row.candidates.front().options_on(row.task_set.front());
    return planned_seconds({recipe_of(experiment_, {row.method, options, row.task_set})});
  }

  const Experiment& experiment_;
  const RunSettings& settings_;
  const MergeGroups groups_;
  const std::unique_ptr<ExampleCosts> costs_;
  std::map<std::string, double> group_seconds_;  // by the key of a group's first merge
  uint64_t merge_memory_ = 0;
  std::set<std::tuple<std::string, std::string, std::string>> shared_;  // method, task, split
};

}  // namespace

RowEstimate RunEstimate::total() const {
  RowEstimate all = experts;
  for (const RowEstimate& row : rows) {
    all.merges += row.merges;
    all.evaluations += row.evaluations;
    all.examples += row.examples;
    all.merge_seconds += row.merge_seconds;
    all.encode_seconds += row.encode_seconds;
  }
  return all;
}

RunEstimate estimate_run(const Experiment& experiment, const RunSettings& settings) {
  return Estimator(experiment, settings).estimate();
}

}  // namespace isomerge
