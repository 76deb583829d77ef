#include "eval/text_evaluation.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::filesystem::path kTokenizer =
    std::filesystem::path(ISOMERGE_SOURCE_DIR) / "models/mini/t5/spiece.model";

std::filesystem::path save_model(const TemporaryFolder& folder, const std::string& score,
                                 const std::string& logits, int64_t vocabulary = 3600) {
  language_module(score, "logits = torch.zeros([states.size(0), " + std::to_string(vocabulary) +
                             "])\n    " + logits)
      .save(folder / "model.pt");
  return folder / "model.pt";
}

class TextEvaluationTest : public testing::Test {
 protected:
  TextEvaluationTest() {
    // Every fourth example has three choices; the right one is that with the most tokens, or not.
    for (int i = 0; i < 41; ++i) {
      std::string prompt;
      for (int word = 0; word <= i % 7; ++word) prompt += "word ";
      lines_ += R"({"split": "val", "prompt": ")" + prompt + R"(", "choices": ["a", "a b c")" +
                (i % 4 == 0 ? R"(, "a b c d e")" : "") + R"(], "answer": )" +
                std::to_string(i % 3 == 0 ? 0 : 1) + "}\n";
    }
  }

  TokenizedSplit split(const std::string& lines) {
    return tokenize(TextSet(folder_.write("task.jsonl", lines)), "val", tokenizer_, 512);
  }

  Evaluation run(const std::string& score, const TextOptions& options,
                 const std::string& logits = "logits[:, 1] = 1") {
    const LanguageModel model(save_model(folder_, score, logits));
    return evaluate(model, tokenizer_, split(lines_), options);
  }

  TemporaryFolder folder_;
  const Tokenizer tokenizer_{kTokenizer};
  std::string lines_;
};

// The longest choice wins; filling up must not make one that is not there win.
TEST_F(TextEvaluationTest, TheChoiceOfHighestScoreIsTheAnswer) {
  const Evaluation result = run("choice_mask.sum(2).float()", {});
  ASSERT_EQ(result.outcomes.size(), 41u);
  for (size_t i = 0; i < 41; ++i) {
    const bool right = i % 3 != 0 && i % 4 != 0;
    EXPECT_EQ(result.outcomes[i], right ? 1.0f : 0.0f) << i;
  }
  EXPECT_EQ(result.accuracy.total, 41);
}

TEST_F(TextEvaluationTest, AChoiceThatIsOnlyFillingNeverWins) {
  // All scores are negative, that of what is not there would be 0.
  const Evaluation result = run("-choice_mask.sum(2).float()", {});
  for (size_t i = 0; i < 41; ++i) EXPECT_EQ(result.outcomes[i], i % 3 == 0 ? 1.0f : 0.0f) << i;
}

TEST_F(TextEvaluationTest, TheFirstOfEqualScoresIsTheAnswer) {
  const Evaluation result = run("choice_mask.sum(2).float() * 0.0", {});
  for (size_t i = 0; i < 41; ++i) EXPECT_EQ(result.outcomes[i], i % 3 == 0 ? 1.0f : 0.0f) << i;
}

TEST_F(TextEvaluationTest, ScoresPerTokenOnRequest) {
  TextOptions options;
  options.normalise_length = true;
  // -1 - tokens: the shortest wins by the sum, the longest by the mean.
  const Evaluation result = run("-1.0 - choice_mask.sum(2).float()", options);
  EXPECT_EQ(result.outcomes[1], 1.0f);
  EXPECT_EQ(result.outcomes[3], 0.0f);
}

TEST_F(TextEvaluationTest, ThreadsAndBatchesChangeNoOutcome) {
  const Evaluation one = run("(choices * choice_mask).sum(2).float()", {});
  for (const int threads : {2, 3}) {
    for (const int64_t batch : {1, 5, 64}) {
      TextOptions options;
      options.threads = threads, options.batch_size = batch;
      int64_t done = 0;
      options.on_progress = [&](int64_t examples) { done += examples; };
      EXPECT_EQ(run("(choices * choice_mask).sum(2).float()", options).outcomes, one.outcomes);
      EXPECT_EQ(done, 41);
    }
  }
}

TEST_F(TextEvaluationTest, WrittenAnswersGetTheMeanOfExactMatchAndF1) {
  const auto ids = tokenizer_.encode("overheard", 512);
  lines_ = R"({"split": "val", "prompt": "x", "answers": ["overheard"]})"
           "\n"
           R"({"split": "val", "prompt": "y", "answers": ["overheard it", "no"]})"
           "\n"
           R"({"split": "val", "prompt": "z", "answers": ["no"]})"
           "\n";
  std::string logits = "n = decoder_ids.size(1)";
  for (size_t i = 0; i < ids.size(); ++i) {
    logits += "\n    if n == " + std::to_string(i + 1) + ":\n        logits[:, " +
              std::to_string(ids[i]) + "] = 1.0";
  }
  const Evaluation result = run("choice_mask.sum(2).float()", {}, logits);
  ASSERT_EQ(result.outcomes.size(), 3u);
  EXPECT_EQ(result.outcomes[0], 1.0f);
  EXPECT_NEAR(result.outcomes[1], (0.0 + 2.0 / 3.0) / 2.0, 1e-6);
  EXPECT_EQ(result.outcomes[2], 0.0f);
}

TEST_F(TextEvaluationTest, BatchesHoldEveryExampleOnceTheLongestFirst) {
  const TokenizedSplit tokens = split(lines_);
  std::vector<size_t> seen;
  size_t before = 1000;
  for (const auto& batch : batches_by_length(tokens, 8)) {
    EXPECT_LE(batch.size(), 8u);
    for (const size_t i : batch) {
      EXPECT_LE(tokens.prompts[i].size(), before);
      before = tokens.prompts[i].size();
      seen.push_back(i);
    }
  }
  std::sort(seen.begin(), seen.end());
  ASSERT_EQ(seen.size(), 41u);
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i);
}

TEST_F(TextEvaluationTest, CountsTextsThatAreTooLong) {
  const TextSet set(folder_.write("task.jsonl", lines_));
  EXPECT_EQ(tokenize(set, "val", tokenizer_, 512).cut, 0);
  const TokenizedSplit cut = tokenize(set, "val", tokenizer_, 4);
  EXPECT_GT(cut.cut, 0);
  for (const TokenRow& prompt : cut.prompts) EXPECT_LE(prompt.size(), 4u);
}

TEST_F(TextEvaluationTest, RefusesATokenizerWithMoreTokensThanTheModelKnows) {
  const LanguageModel small(save_model(folder_, "choice_mask.sum(2).float()", "pass", 3599));
  expect_mentions(error_message([&] { require_vocabulary_of(small, tokenizer_); }),
                  {"spiece.model", "3599", "model.pt", "3600"});
  require_vocabulary_of(LanguageModel(save_model(folder_, "choice_mask.sum(2).float()", "pass")),
                        tokenizer_);
}

}  // namespace
}  // namespace isomerge
