#include "eval/text_evaluation.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "metric/squad.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

template <class T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<size_t>& positions) {
  std::vector<T> out;
  for (const size_t i : positions) out.push_back(all[i]);
  return out;
}

// The best of an example's choices, the first of equals. `scores` has room for more.
int64_t best_choice(const float* scores, const std::vector<TokenRow>& choices,
                    bool normalise_length) {
  int64_t best = 0;
  float best_score = -std::numeric_limits<float>::infinity();
  for (size_t c = 0; c < choices.size(); ++c) {
    const float length = normalise_length ? static_cast<float>(choices[c].size()) : 1.0f;
    if (scores[c] / length <= best_score) continue;
    best_score = scores[c] / length;
    best = static_cast<int64_t>(c);
  }
  return best;
}

// How right each example of one batch is.
std::vector<float> batch_outcomes(const LanguageModel& model, const Tokenizer& tokenizer,
                                  const TokenizedSplit& split, const TextOptions& options,
                                  const std::vector<size_t>& positions) {
  const Tokens prompts = pad_rows(chosen(split.prompts, positions));
  const at::Tensor states = model.encode(prompts);
  std::vector<float> outcomes;
  if (!split.has_choices) {
    for (const auto& answer : model.generate(states, prompts, options.most_new_tokens)) {
      const AnswerScore score =
          score_answer(tokenizer.decode(answer), split.written[positions[outcomes.size()]]);
      outcomes.push_back(static_cast<float>((score.exact_match + score.f1) / 2.0));
    }
    return outcomes;
  }
  const at::Tensor scores =
      model.score(states, prompts, pad_choices(chosen(split.choices, positions)));
  for (size_t i = 0; i < positions.size(); ++i) {
    const float* row = scores.const_data_ptr<float>() + static_cast<int64_t>(i) * scores.size(1);
    const size_t at = positions[i];
    const int64_t best = best_choice(row, split.choices[at], options.normalise_length);
    outcomes.push_back(best == split.answers[at] ? 1.0f : 0.0f);
  }
  return outcomes;
}

}  // namespace

TokenizedSplit tokenize(const TextSet& set, const std::string& split, const Tokenizer& tokenizer,
                        int64_t most_tokens) {
  const Split& part = set.require_split(split);
  TokenizedSplit out;
  out.label = fmt::format("{}, split {}", set.path().string(), split);
  out.has_choices = set.has_choices();
  const auto encode = [&](const std::string& text) {
    bool was_cut = false;
    TokenRow ids = tokenizer.encode(text, most_tokens, &was_cut);
    out.cut += was_cut ? 1 : 0;
    return ids;
  };
  for (int64_t i = part.begin; i < part.end; ++i) {
    const TextExample& example = set.examples()[static_cast<size_t>(i)];
    try {
      out.prompts.push_back(encode(example.prompt));
      std::vector<TokenRow> choices;
      for (const std::string& choice : example.choices) choices.push_back(encode(choice));
      out.targets.push_back(choices.empty() ? encode(example.target())
                                            : choices[static_cast<size_t>(example.answer)]);
      out.choices.push_back(std::move(choices));
    } catch (const Error& error) {
      throw error.during(fmt::format("{}:{}", set.path().string(), example.line));
    }
    out.answers.push_back(example.answer);
    out.written.push_back(example.answers);
  }
  return out;
}

void require_vocabulary_of(const LanguageModel& model, const Tokenizer& tokenizer) {
  const int64_t known = model.vocabulary();
  if (tokenizer.vocabulary() <= known) return;
  throw input_error(
      fmt::format("{}: expected at most the {} tokens that {} knows, got {} (100 "
                  "sentinels included)",
                  tokenizer.path().string(), known, model.path().string(), tokenizer.vocabulary()));
}

std::vector<std::vector<size_t>> batches_by_length(const TokenizedSplit& split,
                                                   int64_t batch_size) {
  std::vector<size_t> order(split.prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return split.prompts[a].size() > split.prompts[b].size();
  });
  std::vector<std::vector<size_t>> batches;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i % static_cast<size_t>(batch_size) == 0) batches.emplace_back();
    batches.back().push_back(order[i]);
  }
  return batches;
}

Evaluation evaluate(const LanguageModel& model, const Tokenizer& tokenizer,
                    const TokenizedSplit& split, const TextOptions& options) {
  if (options.threads < 1 || options.batch_size < 1 || options.most_new_tokens < 1) {
    throw input_error(
        fmt::format("expected at least 1 thread, 1 example per batch and 1 new token, got {}, {} "
                    "and {}",
                    options.threads, options.batch_size, options.most_new_tokens));
  }
  const auto batches = batches_by_length(split, options.batch_size);
  std::vector<float> all(split.prompts.size());
  const SingleThread single_thread;
  ordered_parallel(
      batches.size(), options.threads,
      [&](size_t i) {
        throw_if_interrupted();
        try {
          return batch_outcomes(model, tokenizer, split, options, batches[i]);
        } catch (const Error& error) {
          throw error.during("evaluating " + split.label);
        }
      },
      [&](size_t i, const std::vector<float>& outcomes) {
        for (size_t j = 0; j < outcomes.size(); ++j) all[batches[i][j]] = outcomes[j];
        if (options.on_progress) options.on_progress(static_cast<int64_t>(outcomes.size()));
      });
  return evaluation_of(std::move(all));
}

}  // namespace isomerge
