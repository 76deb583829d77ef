#include "metric/squad.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace isomerge {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}
bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

// Words of the normalised text; empty ones are left out.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && !is_article(word)) words.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    if (is_space(c)) end_word();
    if (is_space(c) || is_punctuation(c)) continue;
    word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  end_word();
  return words;
}

double f1_of(const std::vector<std::string>& answer, const std::vector<std::string>& reference) {
  std::map<std::string, int> left;
  for (const std::string& word : reference) ++left[word];
  int common = 0;
  for (const std::string& word : answer) common += left[word]-- > 0 ? 1 : 0;
  if (common == 0) return 0.0;
  return 2.0 * common / static_cast<double>(answer.size() + reference.size());
}

}  // namespace

std::string normalised_answer(std::string_view text) {
  std::string out;
  for (const std::string& word : words_of(text)) out += (out.empty() ? "" : " ") + word;
  return out;
}

AnswerScore score_answer(std::string_view answer, const std::vector<std::string>& references) {
  if (references.empty()) throw Error(Fault::kInternal, "score of an answer without references");
  const std::vector<std::string> words = words_of(answer);
  AnswerScore best;
  for (const std::string& reference : references) {
    const std::vector<std::string> wanted = words_of(reference);
    if (words == wanted) best.exact_match = 1.0;
    best.f1 = std::max(best.f1, f1_of(words, wanted));
  }
  return best;
}

}  // namespace isomerge
