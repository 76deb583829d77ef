#include "dataset/tokenizer.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::filesystem::path kRoot = ISOMERGE_SOURCE_DIR;
const std::filesystem::path kModel = kRoot / "models/mini/t5/spiece.model";

// What HuggingFace's T5 tokenizer makes of awkward texts (tests/golden/t5_tokens.py), the slow one,
// which is sentencepiece itself, where the fast one differs.
TEST(Tokenizer, GivesTheTokensOfTheLibrary) {
  std::ifstream file(kRoot / "tests/golden/t5/tokens.json");
  const auto golden = nlohmann::json::parse(file);
  const Tokenizer tokenizer(kModel);
  EXPECT_EQ(tokenizer.vocabulary(), golden.at("vocabulary").get<int64_t>());
  ASSERT_GT(golden.at("cases").size(), 200u);
  for (const auto& one : golden.at("cases")) {
    const auto text = one.at("text").get<std::string>();
    const auto& wanted = one.at(one.contains("ids") ? "ids" : "slow");
    EXPECT_EQ(tokenizer.encode(text, golden.at("limit")), wanted.get<std::vector<int64_t>>())
        << one.dump();
  }
}

TEST(Tokenizer, CutsOffWhatIsBeyondTheMostAndKeepsTheEnd) {
  const Tokenizer tokenizer(kModel);
  bool was_cut = true;
  const auto all = tokenizer.encode("one two three four five six", 512, &was_cut);
  EXPECT_FALSE(was_cut);
  auto wanted = std::vector<int64_t>(all.begin(), all.begin() + 3);
  wanted.push_back(all.back());
  EXPECT_EQ(tokenizer.encode("one two three four five six", 4, &was_cut), wanted);
  EXPECT_TRUE(was_cut);
  const auto size = static_cast<int64_t>(all.size());
  EXPECT_EQ(tokenizer.encode("one two three four five six", size, &was_cut), all);
  EXPECT_FALSE(was_cut);
  expect_mentions(error_message([&] { tokenizer.encode("x", 0); }), {"at least 1", "got 0"});
}

TEST(Tokenizer, WritesTokensAsTextWithoutTheSpecialOnes) {
  const Tokenizer tokenizer(kModel);
  for (const char* text : {"overheard", "the cat sat", "Wales"}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, 512)), text);
  }
  auto ids = tokenizer.encode("the cat", 512);
  ids.insert(ids.begin() + 1, {0, tokenizer.vocabulary() - 1, 1, tokenizer.vocabulary() + 5, -1});
  EXPECT_EQ(tokenizer.decode(ids), "the cat");
  EXPECT_EQ(tokenizer.decode({}), "");
}

TEST(Tokenizer, RefusesBytesThatAreNoText) {
  const Tokenizer tokenizer(kModel);
  expect_mentions(error_message([&] { tokenizer.encode("a\xff", 512); }), {"UTF-8"});
}

TEST(Tokenizer, RefusesAFileThatIsNoModelAndNamesIt) {
  const TemporaryFolder folder;
  const std::string whole = TemporaryFolder::read(kModel);
  for (const std::string& bytes :
       {std::string(), std::string("{}"), whole.substr(0, whole.size() / 2)}) {
    const auto path = folder.write("spiece.model", bytes);
    expect_mentions(error_message([&] { Tokenizer{path}; }), {path.string(), "sentencepiece"});
  }
  expect_mentions(error_message([&] { Tokenizer(folder / "missing.model"); }), {"missing.model"});
}

}  // namespace
}  // namespace isomerge
