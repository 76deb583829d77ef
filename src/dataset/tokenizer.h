// dataset/tokenizer.h -- Tokenizer: text <-> token ids as T5 has them, through sentencepiece.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace isomerge {

// A sentencepiece model (unigram or BPE) with 100 sentinels above its pieces: of n pieces,
// <extra_id_0> is n + 99 and <extra_id_99> is n. Normalisation and white space as the model says
// (any run of white space separates, a separator comes first). Read-only and thread-safe.
class Tokenizer {
 public:
  // throws  Error(kInput) naming the file: not a sentencepiece model, one without </s>, or a
  //         program built without sentencepiece.
  explicit Tokenizer(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  int64_t vocabulary() const { return pieces_ + kSentinels; }

  // The tokens of UTF-8 `text` with </s> at their end (not twice where it ends so), at most `most`
  // of them: what is beyond is cut off, </s> stays (right truncation). <pad>, </s>, <unk> and
  // sentinels in the text are themselves, not spelt out. `was_cut` (may be null) says whether
  // anything was cut off. throws Error(kInput) if most < 1 or `text` is no UTF-8.
  std::vector<int64_t> encode(std::string_view text, int64_t most, bool* was_cut = nullptr) const;

  // Text without the special tokens and without ids that are none. White space at the ends is cut.
  std::string decode(const std::vector<int64_t>& ids) const;

 private:
  static constexpr int64_t kSentinels = 100;

  void append_pieces(std::string_view text, std::vector<int64_t>* ids) const;

  std::filesystem::path path_;
  std::shared_ptr<void> model_;  // the library's
  int64_t pieces_ = 0, end_ = 0;
  std::vector<std::pair<std::string, int64_t>> specials_;  // longest name first
};

}  // namespace isomerge
