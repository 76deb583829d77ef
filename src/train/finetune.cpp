#include "train/finetune.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/output.h"
#include "checkpoint/safetensors.h"
#include "model/single_thread.h"
#include "train/example_order.h"
#include "train/gradients.h"
#include "train/lora.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/trained_parameters.h"
#include "train/training_state.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

// Of a folder beside it, not in it: "digits/" -> "digits.state".
fs::path state_path(const fs::path& out) {
  return (out.has_filename() ? out : out.parent_path()).string() + ".state";
}

void require_usable_output(const FinetuneTask& task, const TrainingRecipe& recipe,
                           const fs::path& out) {
  const bool is_folder = output_kind(out) == OutputKind::kFolder;
  if (recipe.lora.rank > 0 && !is_folder) {
    throw input_error(
        fmt::format("{}: LoRA gives an adapter, which is a folder; write / at the "
                    "end of its name",
                    out.string()));
  }
  if (recipe.lora.rank == 0 && output_kind(out) != OutputKind::kSafetensors) {
    throw input_error(
        fmt::format("{}: an expert is one file; name it *.safetensors", out.string()));
  }
  std::vector<fs::path> inputs = Checkpoint(task.base).files();
  inputs.push_back(task.tokenizer.empty() ? task.heads : task.tokenizer);
  if (is_folder) {
    require_replaces_none(out, inputs);
  } else {
    require_not_an_input(out, OutputKind::kSafetensors, inputs);
  }
  require_writable_folder(fs::absolute(state_path(out)).parent_path());
}

class Run {
 public:
  Run(const FinetuneTask& task, const TrainingRecipe& recipe, const FinetuneSettings& settings)
      : settings_(settings),
        title_("fine-tuning " + task.name),
        inputs_(open_training_inputs(task, settings.device)),
        recipe_(in_steps(recipe, inputs_->training().size())),
        order_(inputs_->training(), static_cast<uint64_t>(recipe_.seed), recipe_.shift),
        trained_(trained_parameters(inputs_->module().trainable_parameters(), recipe_)),
        optimizer_(leaves(), recipe_.optimizer),
        identity_(inputs_->identity) {
    identity_["recipe"] = recipe_text(recipe_);
  }

  FinetuneSummary carry_out() {
    FinetuneSummary summary;
    summary.steps = *recipe_.steps;
    summary.before = validation_accuracy();
    restore();
    summary.resumed_at = step_;
    train();
    summary.loss = loss_;
    summary.after = lora_ ? write_low_rank() : write_whole();
    std::error_code ignored;  // a state that stays does no harm: it is of this very run
    fs::remove(state_path(settings_.out), ignored);
    return summary;
  }

 private:
  // What the optimizer changes.
  const Weights& leaves() {
    if (recipe_.lora.rank == 0) return trained_;
    if (!lora_) lora_.emplace(trained_, recipe_.lora, recipe_.seed);
    return lora_->factors();
  }

  Accuracy validation_accuracy() const { return inputs_->validate(settings_.threads); }

  // Continues where an earlier process stopped, if one did.
  void restore() {
    const fs::path path = state_path(settings_.out);
    const auto state = find_training_state(path, identity_);
    if (!state) return;
    try {
      const at::NoGradGuard no_gradient;
      for (const auto& [name, leaf] : leaves()) leaf.copy_(state->parameters.at(name));
      optimizer_.restore(state->optimizer);
      if (lora_) lora_->apply();
    } catch (const Error& error) {
      throw error.during(path.string());
    }
    step_ = state->step;
    loss_ = state->loss;
    log_info(
        fmt::format("{}: continuing after step {} of {}", path.string(), step_, *recipe_.steps));
  }

  void train() {
    Progress progress(title_, static_cast<uint64_t>(*recipe_.steps - step_));
    std::string news;  // of the last validation
    double sum = 0.0;
    int64_t summed = 0;
    while (step_ < *recipe_.steps) {
      const double loss = take_step();
      sum += loss, ++summed;
      progress.add(1, fmt::format("step {}, loss {:.4f}{}", step_, loss, news));
      const bool is_due = step_ % settings_.save_every == 0 || step_ == *recipe_.steps;
      if (!is_due && !interrupted()) continue;
      loss_ = sum / static_cast<double>(std::exchange(summed, 0));
      sum = 0.0;
      write_training_state(state_path(settings_.out), state(), identity_);
      throw_if_interrupted();
      const Accuracy accuracy = validation_accuracy();
      news = fmt::format(", validation accuracy {:.2f} %", 100.0 * accuracy.value());
      log_info(
          fmt::format("step {} of {}: mean loss {:.4f}{}", step_, *recipe_.steps, loss_, news));
    }
  }

  // Returns the loss before the update.
  double take_step() {
    const double rate =
        scheduled_rate(recipe_.learning_rate, step_, recipe_.warmup, *recipe_.steps);
    try {
      LossGradients found = loss_gradients(
          inputs_->objective(), order_.examples(step_ * recipe_.batch, recipe_.batch),
          lora_ ? lora_->weights() : optimizer_.parameters(), settings_.threads);
      if (lora_) found.gradients = lora_->gradients(found.gradients);
      optimizer_.step(std::move(found.gradients), rate);
      if (lora_) lora_->apply();
      ++step_;
      return found.loss;
    } catch (const Error& error) {
      throw error.during(fmt::format("step {}", step_ + 1));
    }
  }

  TrainingState state() {
    TrainingState out{step_, loss_, {}, optimizer_.state()};
    for (const auto& [name, leaf] : leaves()) {
      out.parameters[name] = leaf.detach().to(at::Device(at::kCPU), leaf.scalar_type(),
                                              /*non_blocking=*/false, /*copy=*/true);
    }
    return out;
  }

  // The tensors of the base with the values of now, in the dtypes of the output.
  Weights rounded_weights() const {
    Weights out;
    const Weights trained = inputs_->module().weights();
    for (const TensorInfo& info : inputs_->base.tensors()) {
      const bool is_chosen = settings_.dtype && is_floating(info.dtype);
      out[info.name] =
          convert_finite(trained.at(info.name), is_chosen ? *settings_.dtype : info.dtype,
                         fmt::format("{}: {}", settings_.out.string(), info.name));
    }
    return out;
  }

  std::map<std::string, std::string> metadata() const {
    auto metadata = identity_metadata(identity_);
    metadata["isomerge.content"] = "expert";
    return metadata;
  }

  // Both return the validation accuracy of what they write.
  Accuracy write_whole() {
    const Weights expert = rounded_weights();
    inputs_->module().bind(expert, "the expert");
    const Accuracy accuracy = validation_accuracy();
    write_safetensors(settings_.out, expert, metadata());
    return accuracy;
  }

  Accuracy write_low_rank() {
    AdapterOptions options;
    options.base = last_part(inputs_->base.path());
    options.tensors = inputs_->base.tensors();
    options.metadata = metadata();
    options.dtype = settings_.dtype.value_or(at::kFloat);
    options.card = fmt::format(
        "---\nlibrary_name: peft\n---\n# {}\n\nLoRA adapter of {} for the task {}, trained by "
        "isomerge: {}\n",
        last_part(settings_.out), options.base, identity_.at("task"), identity_.at("recipe"));
    const std::vector<LowRankWeight> updates = lora_->apply(options.dtype);
    const Accuracy accuracy = validation_accuracy();
    write_adapter(settings_.out, updates, options);
    return accuracy;
  }

  const FinetuneSettings settings_;
  const std::string title_;
  std::unique_ptr<TrainingInputs> inputs_;
  const TrainingRecipe recipe_;  // in steps
  ExampleOrder order_;
  const Weights trained_;  // parameters of the module
  std::optional<LoraFactors> lora_;
  Optimizer optimizer_;
  RunIdentity identity_;
  int64_t step_ = 0;   // updates done
  double loss_ = 0.0;  // mean, as of the last state
};

}  // namespace

FinetuneSummary finetune(const FinetuneTask& task, const TrainingRecipe& recipe,
                         const FinetuneSettings& settings) {
  try {
    require_valid(recipe);
    if (settings.save_every < 1 || settings.threads < 1) {
      throw input_error(
          fmt::format("expected at least 1 step between states and 1 thread, got {} "
                      "and {}",
                      settings.save_every, settings.threads));
    }
    if (!task.tokenizer.empty() && recipe.shift != 0) {
      throw input_error(
          fmt::format("shift: only images are moved; expected 0, got {}", recipe.shift));
    }
    require_usable_output(task, recipe, settings.out);
    const SingleThread single_thread;
    return Run(task, recipe, settings).carry_out();
  } catch (const Error& error) {
    throw error.during("fine-tuning " + task.name);
  }
}

}  // namespace isomerge
