#include "config/mask_rows.h"

#include <gtest/gtest.h>

#include "config/configuration.h"
#include "config/example_suite.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

// The rows of an experiment over tasks a and b of the example suite.
class MaskRows : public ::testing::Test {
 protected:
  MaskRows() { write_example_suite(folder_); }

  std::vector<Row> read(const std::string& methods, const std::string& more = "") const {
    return read_experiment(
               folder_.write("e/x.json", R"({"title": "T", "suite": "../suites/s.json", "tasks": 2,
                 "methods": [)" + methods + "]" +
                                             more + "}"))
        .rows;
  }

  std::string error(const std::string& methods) const {
    return error_message([&] { read(methods); });
  }

  TemporaryFolder folder_;
};

std::string text_on(const Row& row, size_t index, const std::string& task) {
  const Candidate& candidate = row.candidates.at(index);
  return configuration_text({row.method, candidate.options_on(task), candidate.alpha});
}

TEST_F(MaskRows, LackTheirLambdasUnlessTheFileGivesThem) {
  const auto rows = read(R"("consensus_ta", "tall_mask",
      {"method": "consensus_ta", "options": {"min_tasks": 3}},
      {"method": "consensus_ta", "options": {"lambda": 0.4}},
      {"method": "consensus_ta", "options": {"lambdas": "a=0.2"}},
      {"method": "tall_mask", "options": {"lambda": 0.4}}, "ties")");
  std::vector<bool> lacking;
  for (const Row& row : rows) lacking.push_back(needs_lambdas(row));
  EXPECT_EQ(lacking, (std::vector<bool>{true, true, true, false, false, false, false}));
  EXPECT_EQ(rows[2].candidates[0].options, (Options{{"min_tasks", int64_t{3}}}));
  EXPECT_EQ(text_on(rows[3], 0, "a"), "consensus_ta/lambda=0.4/lambdas=/min_tasks=2/alpha=0.3");
  EXPECT_EQ(text_on(rows[4], 0, "b"),
            "consensus_ta/lambda=0.4/lambdas=a=0.2/min_tasks=2/alpha=0.3");
}

TEST_F(MaskRows, OfTallMaskGiveEveryTaskItsOwnMask) {
  const Row row = read(R"({"method": "tall_mask", "options": {"lambda": 0.5}})")[0];
  ASSERT_EQ(row.candidates.size(), 1u);
  EXPECT_EQ(text_on(row, 0, "a"), "tall_mask/lambda=0.5/task=a/alpha=1");
  EXPECT_EQ(text_on(row, 0, "b"), "tall_mask/lambda=0.5/task=b/alpha=1");
}

TEST_F(MaskRows, SeveralGivenLambdasAreRowsOrCandidates) {
  const std::string method = R"({"method": "tall_mask", "options": {"lambda": [0.3, 0.4]}})";
  EXPECT_EQ(read(method).size(), 2u);
  const auto rows = read(method, R"(, "select": {"axes": ["alpha", "lambda"]})");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].candidates.size(), 2u);
  EXPECT_FALSE(needs_lambdas(rows[0]));
}

TEST_F(MaskRows, RefuseToBeToldWhoseMask) {
  expect_mentions(error(R"({"method": "tall_mask", "options": {"task": "a"}})"),
                  {"x.json: line 2", "\"task\" of method tall_mask", "every task"});
}

// As if the file listed tall_mask with these lambdas: the same records.
TEST_F(MaskRows, AreTriedWithEveryLambdaAtAlphaOne) {
  const Row open = read(R"({"method": "consensus_ta", "alpha": [0.1, 0.2]})")[0];
  const auto listed = read(R"({"method": "tall_mask", "alpha": 1,
                               "options": {"lambda": [0.2, 0.3, 0.4, 0.5, 0.6]}})",
                           R"(, "select": {"axes": ["alpha", "lambda"]})");
  const Row trials = mask_trials(open);
  EXPECT_EQ(trials.candidates, listed[0].candidates);
  EXPECT_EQ(trials.task_set, open.task_set);
  EXPECT_EQ(trials.revision, listed[0].revision);
  EXPECT_FALSE(needs_lambdas(trials));
  EXPECT_EQ(mask_trials(read(R"("tall_mask")")[0]), trials);
}

TEST_F(MaskRows, OfConsensusGetTheirLambdasInOneOption) {
  const Row open = read(R"({"method": "consensus_ta", "alpha": [0.1, 0.2]})")[0];
  const Row row = with_lambdas(open, {{"b", 0.2}, {"a", 0.6}});
  const Row given = read(R"({"method": "consensus_ta", "alpha": [0.1, 0.2],
                             "options": {"lambdas": "a=0.6,b=0.2"}})")[0];
  EXPECT_EQ(row, given);
  EXPECT_FALSE(needs_lambdas(row));
  EXPECT_EQ(shown_options(row, row.candidates[0]), row.candidates[0].options);
}

TEST_F(MaskRows, OfTallMaskGetTheLambdaOfEachTask) {
  const Row row = with_lambdas(read(R"("tall_mask")")[0], {{"a", 0.6}, {"b", 0.2}});
  EXPECT_FALSE(needs_lambdas(row));
  EXPECT_EQ(text_on(row, 0, "a"), "tall_mask/lambda=0.6/task=a/alpha=1");
  EXPECT_EQ(text_on(row, 0, "b"), "tall_mask/lambda=0.2/task=b/alpha=1");
  EXPECT_EQ(shown_options(row, row.candidates[0]),
            (Options{{"lambda", std::string("a=0.6,b=0.2")}}));
}

TEST_F(MaskRows, WithoutLambdasShowNone) {
  const Row open = read(R"("tall_mask")")[0];
  EXPECT_EQ(shown_options(open, open.candidates[0]), Options{});
  const Row given = read(R"({"method": "tall_mask", "options": {"lambda": 0.5}})")[0];
  EXPECT_EQ(shown_options(given, given.candidates[0]), (Options{{"lambda", 0.5}}));
}

}  // namespace
}  // namespace isomerge
