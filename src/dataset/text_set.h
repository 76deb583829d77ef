// dataset/text_set.h -- TextSet: prompts with choices, or with answers to be written, in splits.
//
// A file of JSON lines, one example each (data/README.md):
//   {"split": "val", "prompt": "...", "choices": ["...", "..."], "answer": 1, "template": 0}
//   {"split": "val", "prompt": "...", "answers": ["...", "..."], "template": 0}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataset/split.h"

namespace isomerge {

struct TextExample {
  std::string prompt;
  std::vector<std::string> choices;  // at least two; none where the answer is to be written
  int64_t answer = 0;                // the right choice
  std::vector<std::string> answers;  // any of them is right; the first is what training aims at
  int64_t line = 0;                  // of the file

  const std::string& target() const {
    return choices.empty() ? answers.front() : choices[static_cast<size_t>(answer)];
  }
};

// Read-only and thread-safe once constructed. Held in memory.
class TextSet {
 public:
  // throws  Error(kInput) naming file and line: not JSON, a key that is missing or unknown, an
  // empty
  //         prompt, choice or answer, fewer than two choices, an answer that is none of them,
  //         examples of both kinds; no examples at all.
  explicit TextSet(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<Split>& splits() const { return splits_; }

  // By split, each in the order of the file.
  const std::vector<TextExample>& examples() const { return examples_; }
  bool has_choices() const { return !examples_.front().choices.empty(); }

  // Throws Error(kInput) that lists the known splits if `name` is not one of them.
  const Split& require_split(const std::string& name) const {
    return isomerge::require_split(path_, splits_, name);
  }

 private:
  std::filesystem::path path_;
  std::vector<TextExample> examples_;
  std::vector<Split> splits_;
};

}  // namespace isomerge
