#include "store/record.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "store/example_run.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The key is what all stored results hang on: it must not move from one version to the next.
TEST(RunKey, IsStable) { EXPECT_EQ(run_key(example_run()), "3625113cfdbf82908d7af22dda54b864"); }

TEST(RunKey, ChangesWithEveryField) {
  const std::vector<std::function<void(RunDefinition&)>> changes = {
      [](RunDefinition&) {},
      [](RunDefinition& run) { run.method = "iso_c"; },
      [](RunDefinition& run) { run.revision = 2; },
      [](RunDefinition& run) { run.options["common_fraction"] = 0.9; },
      [](RunDefinition& run) { run.options.erase("null"); },
      [](RunDefinition& run) { run.alpha = 1.2000000000000002; },
      [](RunDefinition& run) { run.alpha.reset(); },
      [](RunDefinition& run) { run.precision = "fp64"; },
      [](RunDefinition& run) { run.exclude = {"a"}; },
      [](RunDefinition& run) { run.average = {}; },
      [](RunDefinition& run) { run.split_attention = true; },
      [](RunDefinition& run) {
        run.tasks = {"fashion", "digits"};
      },
      [](RunDefinition& run) { run.task = "fashion"; },
      [](RunDefinition& run) { run.split = "test"; },
      [](RunDefinition& run) { run.mean[2] = 0.31; },
      [](RunDefinition& run) { run.std[0] = 0.51; },
      [](RunDefinition& run) { run.evaluation = "another"; },
      [](RunDefinition& run) { run.hashes["base"] = "b1"; },
      [](RunDefinition& run) { run.hashes["head"] = "h"; }};
  std::set<std::string> keys;
  for (const auto& change : changes) {
    RunDefinition run = example_run();
    change(run);
    keys.insert(run_key(run));
  }
  EXPECT_EQ(keys.size(), changes.size());
}

TEST(Record, CountsItsOutcomes) {
  const Record record = done_record(example_run(), {true, false, true, true});
  EXPECT_EQ(record.correct, 3);
  EXPECT_EQ(record.total, 4);
  EXPECT_DOUBLE_EQ(record.score, 0.75);
  EXPECT_EQ(done_record(example_run(), {}).score, 0.0);
}

TEST(Record, OfASuccessIsThisText) {
  EXPECT_EQ(record_text(done_record(example_run(), {true, false, true})), R"({
  "format": 1,
  "key": "3625113cfdbf82908d7af22dda54b864",
  "status": "done",
  "score": 0.6666666666666666,
  "correct": 2,
  "total": 3,
  "run": {
    "method": "iso_cts",
    "revision": 1,
    "options": {
      "common_fraction": 0.8,
      "null": "zero"
    },
    "alpha": 1.2,
    "precision": "fp32",
    "exclude": [],
    "average": [
      "*.bias"
    ],
    "tasks": [
      "digits",
      "fashion"
    ],
    "task": "digits",
    "split": "val",
    "preprocess": {
      "mean": [
        0.1,
        0.2,
        0.3
      ],
      "std": [
        0.5,
        0.5,
        0.25
      ]
    },
    "evaluation": "argmax over the task's own classes, revision 1",
    "hashes": {
      "base": "b0",
      "encoder": "e0",
      "expert/digits": "x1"
    }
  },
  "outcomes": "oA=="
}
)");
}

TEST(Record, ComesBackFromItsText) {
  RunDefinition run = example_run();
  run.options["count"] = int64_t{3};
  run.options["flag"] = true;
  run.alpha = 1.0;  // a whole number must come back as the double it was
  for (const Record& record : {done_record(run, {true, false, true}), done_record(run, {}),
                               failed_record(run, "no \"x\""), done_record({}, {false})}) {
    const std::string text = record_text(record);
    EXPECT_EQ(parse_record(text, "r.json"), record) << text;
    EXPECT_EQ(record_text(parse_record(text, "r.json")), text);
  }
}

TEST(Record, WithAMessageThatIsNoUtf8IsStillWritten) {
  const std::string text = record_text(failed_record(example_run(), "file \xff"));
  EXPECT_EQ(record_text(parse_record(text, "r.json")), text);
}

TEST(Record, CutAnywhereIsRefusedWithTheFileName) {
  const std::string text = record_text(done_record(example_run(), {true, false}));
  for (size_t length = 0; length < text.size(); ++length) {
    expect_mentions(error_message([&] { parse_record(text.substr(0, length), "r.json"); }),
                    {"r.json", "damaged", "run again"});
  }
}

TEST(Record, EditedByHandIsRefused) {
  const std::string text = record_text(done_record(example_run(), {true, false}));
  const std::pair<const char*, const char*> edits[] = {{"\"correct\": 1", "\"correct\": 2"},
                                                       {"\"total\": 2", "\"total\": 3"},
                                                       {"\"total\": 2", "\"total\": -2"},
                                                       {"\"total\": 2", "\"total\": 2.5"},
                                                       {"\"total\": 2", "\"total\": \"2\""},
                                                       {"0.5,\n  \"corr", "0.6,\n  \"corr"},
                                                       {"\"gA==\"", "\"wA==\""},
                                                       {"\"done\"", "\"finished\""},
                                                       {"\"format\": 1", "\"format\": 2"},
                                                       {"\"alpha\": 1.2", "\"alpha\": 1.3"},
                                                       {"\"alpha\": 1.2", "\"alpha\": \"1.2\""},
                                                       {"\"alpha\": 1.2", "\"beta\": 1.2"},
                                                       {"\"task\":", "\"new\": 1, \"task\":"},
                                                       {"\"zero\"", "[]"},
                                                       {"\"key\": \"", "\"key\": \"0"}};
  for (const auto& [from, to] : edits) {
    expect_mentions(error_message([&] { parse_record(replaced(text, from, to), "r.json"); }),
                    {"r.json", "damaged"});
  }
}

}  // namespace
}  // namespace isomerge
