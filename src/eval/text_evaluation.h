// eval/text_evaluation.h -- language model + tokenizer + split of a set -> how right the answers
// are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataset/text_set.h"
#include "dataset/tokenizer.h"
#include "eval/evaluate.h"
#include "model/language_model.h"

namespace isomerge {

struct TextOptions {
  int64_t batch_size = 32;        // examples
  int64_t most_tokens = 512;      // of a prompt, choice or target, </s> included; more are cut off
  int64_t most_new_tokens = 64;   // of a written answer
  bool normalise_length = false;  // a choice's score is divided by its number of tokens
  int threads = 1;                // workers, one batch each at a time, each on one core
  // Told how many more examples are done after every batch; calls come one at a time, from workers.
  std::function<void(int64_t examples)> on_progress;
};

// The examples of one split as tokens, in its order.
struct TokenizedSplit {
  std::string label;  // "<file>, split val", for messages
  bool has_choices = true;
  std::vector<TokenRow> prompts;
  std::vector<std::vector<TokenRow>> choices;     // of each example; none where answers are written
  std::vector<int64_t> answers;                   // the right choice
  std::vector<TokenRow> targets;                  // the right choice, or the first answer
  std::vector<std::vector<std::string>> written;  // right answers, where they are written
  int64_t cut = 0;                                // prompts, choices and targets that were cut off
};

// throws  Error(kInput) naming the file, and the line of what cannot be tokenized: unknown split.
TokenizedSplit tokenize(const TextSet& set, const std::string& split, const Tokenizer& tokenizer,
                        int64_t most_tokens);

// Throws Error(kInput) naming both if the tokenizer has tokens that the model does not know.
void require_vocabulary_of(const LanguageModel& model, const Tokenizer& tokenizer);

// Batches of examples of about one prompt length, so that little is filled up: positions in the
// split, the longest first.
std::vector<std::vector<size_t>> batches_by_length(const TokenizedSplit& split, int64_t batch_size);

// Choices: the most probable one (LanguageModel::score(), the first of equals) is right or wrong.
// Written answers: the mean of exact match and F1 of SQuAD (metric/squad.h) of a greedy answer. One
// prompt per example (the protocol of MaTS, spec of experiments/paper). The same for any number of
// threads; another batch size may round differently.
// throws  what LanguageModel throws, with the file; Error(kInterrupted) when a signal came.
Evaluation evaluate(const LanguageModel& model, const Tokenizer& tokenizer,
                    const TokenizedSplit& split, const TextOptions& options);

}  // namespace isomerge
