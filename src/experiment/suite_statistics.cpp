#include "experiment/suite_statistics.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/tensor_hash.h"
#include "dataset/image_set.h"
#include "experiment/suite_evaluator.h"
#include "task/expert_file.h"

namespace isomerge {
namespace {

// What of a task is differentiated: the module with the expert's weights and the split's examples.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual BoundModule& module() = 0;
  virtual const Objective& objective() const = 0;
  virtual int64_t size() const = 0;
};

class TextSubject : public Subject {
 public:
  TextSubject(const Suite& suite, const Task& task, const SuiteStatistics& how)
      : tokenizer_(suite.tokenizer),
        model_(suite.module, how.device),
        tokens_(tokenize(TextSet(task.data), how.split, tokenizer_, suite.text.most_tokens)),
        objective_(model_, tokens_) {
    require_vocabulary_of(model_, tokenizer_);
  }
  BoundModule& module() override { return model_; }
  const Objective& objective() const override { return objective_; }
  int64_t size() const override { return static_cast<int64_t>(tokens_.prompts.size()); }

 private:
  const Tokenizer tokenizer_;
  LanguageModel model_;
  const TokenizedSplit tokens_;
  const TextObjective objective_;
};

class ImageSubject : public Subject {
 public:
  ImageSubject(const Suite& suite, const Task& task, const SuiteStatistics& how)
      : encoder_(suite.module, how.device),
        set_(open_image_set(task.data)),
        split_(set_->require_split(how.split)),
        head_(Checkpoint(suite.heads).read(task.name), suite.heads.string() + ": " + task.name),
        reader_(*set_, suite_preprocessing(suite)),
        objective_(encoder_, head_, reader_, split_.begin) {
    head_.require_classes_of(*set_);
  }
  BoundModule& module() override { return encoder_; }
  const Objective& objective() const override { return objective_; }
  int64_t size() const override { return split_.size(); }

 private:
  Encoder encoder_;
  const std::unique_ptr<ImageSet> set_;
  const Split split_;
  const ClassHead head_;
  const ExampleReader reader_;
  const ImageObjective objective_;
};

std::unique_ptr<Subject> open_subject(const Suite& suite, const Task& task,
                                      const SuiteStatistics& how) {
  if (suite.is_language()) return std::make_unique<TextSubject>(suite, task, how);
  return std::make_unique<ImageSubject>(suite, task, how);
}

// Whether the folder has them, of the same bytes. Damaged ones are made anew.
bool is_there(const SuiteStatistics& how, const StatisticsOrigin& origin, StatisticsKind kind) {
  std::error_code error;
  if (!std::filesystem::exists(statistics_path(how.folder, origin.task, kind), error)) return false;
  try {
    return Statistics(how.folder, origin.task, kind).origin() == origin;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<StatisticsKind> parse_statistics_kind(const std::string& text) {
  if (text == "fisher") return {StatisticsKind::kFisher};
  if (text == "gram") return {StatisticsKind::kInput};
  if (text == "kfac") return {StatisticsKind::kInput, StatisticsKind::kOutput};
  if (text == "block_fisher") return {StatisticsKind::kBlockFisher};
  throw input_error(
      fmt::format("--kind: expected gram, fisher, kfac or block_fisher, got \"{}\"", text));
}

std::vector<WrittenStatistics> complete_statistics(const Suite& suite, const std::string& task_name,
                                                   const std::vector<StatisticsKind>& kinds,
                                                   const SuiteStatistics& how) {
  const Task& task = require_task(suite, task_name);
  StatisticsOrigin origin{task.name,
                          "",
                          files_hash(expert_files(task.expert)),
                          hash_file(suite.module),
                          hash_file(task.data),
                          how.split,
                          std::to_string(how.examples)};
  std::vector<WrittenStatistics> written;
  std::unique_ptr<Subject> subject;
  for (const StatisticsKind kind : kinds) {
    origin.kind = kind_text(kind);
    if (is_there(how, origin, kind)) continue;
    if (!subject) {
      subject = open_subject(suite, task, how);
      const Checkpoint base(suite.base);
      const ExpertFile expert(task.expert, base);
      subject->module().bind(expert.weights(), expert.label());
    }
    StatisticsOptions options;
    options.kind = kind;
    options.max_memory = how.max_memory;
    options.threads = how.threads;
    std::optional<Progress> progress;
    options.on_progress = [&](int64_t, int64_t all) {
      if (!progress) {
        progress.emplace(fmt::format("statistics {} of {}", kind_text(kind), task.name),
                         static_cast<uint64_t>(all));
      }
      progress->add(1, "");
    };
    written.push_back(
        {kind, write_statistics(how.folder, origin, subject->module(), subject->objective(),
                                std::min(how.examples, subject->size()), options)});
  }
  return written;
}

}  // namespace isomerge
