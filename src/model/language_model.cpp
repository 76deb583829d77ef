#include "model/language_model.h"

#include <utility>

#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "base/text.h"

namespace isomerge {

LanguageModel::LanguageModel(std::filesystem::path path, c10::Device device, at::ScalarType dtype)
    : BoundModule(std::move(path), device, dtype) {
  require_method("encode", {"input_ids", "input_mask"});
  require_method("score", {"states", "input_mask", "choices", "choice_mask"});
  require_method("next_logits", {"states", "input_mask", "decoder_ids"});
  require_method("forward", {"input_ids", "input_mask", "target", "target_mask"});
}

at::Tensor LanguageModel::encode(const Tokens& prompts) const {
  const c10::InferenceMode no_gradient;
  const at::Tensor states = call("encode", {prompts.ids, prompts.mask}, "prompts");
  if (states.dim() != 3 || states.size(0) != prompts.ids.size(0) ||
      states.size(1) != prompts.ids.size(1) || !is_floating(states.scalar_type())) {
    throw failure(fmt::format("expected floating states [{}, {}, d], got {} {}",
                              prompts.ids.size(0), prompts.ids.size(1),
                              dtype_text(states.scalar_type()), shape_text(states.sizes().vec())));
  }
  return states;
}

at::Tensor LanguageModel::score(const at::Tensor& states, const Tokens& prompts,
                                const Tokens& choices) const {
  const c10::InferenceMode no_gradient;
  const at::Tensor scores =
      call("score", {states, prompts.mask, choices.ids, choices.mask}, "choices").to(c10::kCPU);
  const std::vector<int64_t> wanted = {choices.ids.size(0), choices.ids.size(1)};
  if (scores.sizes().vec() != wanted || !is_floating(scores.scalar_type())) {
    throw failure(fmt::format("expected floating scores {}, got {} {}", shape_text(wanted),
                              dtype_text(scores.scalar_type()), shape_text(scores.sizes().vec())));
  }
  require_finite(scores, "the scores have");
  return scores.to(at::kFloat).contiguous();
}

at::Tensor LanguageModel::next_logits(const at::Tensor& states, const Tokens& prompts,
                                      const at::Tensor& so_far) const {
  const at::Tensor logits =
      call("next_logits", {states, prompts.mask, so_far}, "prompts").to(c10::kCPU);
  if (logits.dim() != 2 || logits.size(0) != so_far.size(0) || logits.size(1) < 2 ||
      !is_floating(logits.scalar_type())) {
    throw failure(fmt::format("expected floating logits [{}, tokens], got {} {}", so_far.size(0),
                              dtype_text(logits.scalar_type()), shape_text(logits.sizes().vec())));
  }
  return logits;
}

std::vector<std::vector<int64_t>> LanguageModel::generate(const at::Tensor& states,
                                                          const Tokens& prompts,
                                                          int64_t most) const {
  const c10::InferenceMode no_gradient;
  const int64_t count = prompts.ids.size(0);
  std::vector<std::vector<int64_t>> answers(static_cast<size_t>(count));
  std::vector<bool> ended(answers.size(), false);
  size_t open = answers.size();
  at::Tensor so_far = at::full({count, 1}, kStart, at::kLong);
  for (int64_t length = 0; length < most && open > 0; ++length) {
    const at::Tensor logits = next_logits(states, prompts, so_far);
    require_finite(logits, "the logits have");
    const at::Tensor next = at::argmax(logits, /*dim=*/1);
    for (size_t i = 0; i < answers.size(); ++i) {
      const int64_t token = next.const_data_ptr<int64_t>()[i];
      if (ended[i]) continue;
      ended[i] = token == kEnd;
      if (ended[i]) {
        --open;
      } else {
        answers[i].push_back(token);
      }
    }
    so_far = at::cat({so_far, next.unsqueeze(1)}, /*dim=*/1);
  }
  return answers;
}

at::Tensor LanguageModel::loss_for_training(const Tokens& prompts, const Tokens& targets) const {
  const at::Tensor loss =
      call("forward", {prompts.ids, prompts.mask, targets.ids, targets.mask}, "prompts");
  if (loss.dim() != 1 || loss.size(0) != prompts.ids.size(0) || !is_floating(loss.scalar_type())) {
    throw failure(fmt::format("expected a floating loss [{}], got {} {}", prompts.ids.size(0),
                              dtype_text(loss.scalar_type()), shape_text(loss.sizes().vec())));
  }
  return loss;
}

int64_t LanguageModel::vocabulary() const {
  const c10::InferenceMode no_gradient;
  const at::Tensor one = at::ones({1, 1}, at::kLong);
  const Tokens end{one, one};
  return next_logits(encode(end), end, one).size(1);
}

}  // namespace isomerge
