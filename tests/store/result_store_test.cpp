#include "store/result_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "store/example_run.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

TEST(ResultStore, FindsWhatWasPutAndNothingElse) {
  const TemporaryFolder folder;
  const ResultStore store(folder / "results");
  EXPECT_FALSE(store.find(example_run()).has_value());
  EXPECT_FALSE(std::filesystem::exists(store.folder())) << "looking must not make folders";
  const Record record = done_record(example_run(), {true, false});
  store.put(record);
  EXPECT_EQ(store.find(example_run()), record);
  RunDefinition other = example_run();
  other.split = "test";
  EXPECT_FALSE(store.find(other).has_value());
}

TEST(ResultStore, NamesFilesByKeyAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const ResultStore store(folder / "results");
  store.put(done_record(example_run(), {true}));
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store.folder())) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  EXPECT_EQ(files, std::vector<std::string>{store.record_path(run_key(example_run())).string()});
}

// A run that failed and then succeeds.
TEST(ResultStore, PutReplaces) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  store.put(failed_record(example_run(), "out of luck"));
  EXPECT_EQ(store.find(example_run())->status, RunStatus::kFailed);
  EXPECT_EQ(store.find(example_run())->message, "out of luck");
  store.put(done_record(example_run(), {true}));
  EXPECT_EQ(store.find(example_run())->status, RunStatus::kDone);
}

TEST(ResultStore, RefusesARecordUnderAnotherKey) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  store.put(done_record(example_run(), {true}));
  RunDefinition other = example_run();
  other.alpha = 2.0;
  std::filesystem::rename(store.record_path(run_key(example_run())),
                          store.record_path(run_key(other)));
  expect_mentions(
      error_message([&] { store.find(other); }),
      {store.record_path(run_key(other)).string(), "another run", run_key(example_run())});
}

TEST(ResultStore, RefusesHalfARecord) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  const std::string key = run_key(example_run());
  folder.write("records/" + key + ".json", "{\"format\": 1,");
  expect_mentions(error_message([&] { store.find(key); }), {key + ".json", "damaged"});
}

TEST(ResultStore, SaysWhenItsFolderCannotBeMade) {
  const TemporaryFolder folder;
  folder.write("results", "a file is in the way");
  const ResultStore store(folder / "results");
  expect_mentions(error_message([&] { store.put(done_record(example_run(), {true})); }),
                  {"results"});
}

TEST(ResultStore, LogsOneLinePerCallWithWhatRecordsLeaveOut) {
  const TemporaryFolder folder;
  const ResultStore store(folder / "results");
  store.log("k1", 0.25, "isomerge 9");
  store.log("k2", 2.0, "isomerge 9");
  const std::string text = TemporaryFolder::read(folder / "results/log.jsonl");
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  const auto line = nlohmann::json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(line["key"], "k1");
  EXPECT_EQ(line["seconds"], 0.25);
  EXPECT_EQ(line["program"], "isomerge 9");
  EXPECT_FALSE(line["host"].get<std::string>().empty());
  EXPECT_EQ(line["when"].get<std::string>().size(), std::string("2026-01-31T12:00:00Z").size());
  EXPECT_EQ(line.size(), 5u);
}

TEST(ResultStore, ReadsTheLastLogEntryOfEveryKey) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  EXPECT_TRUE(store.read_log().empty());
  store.log("k1", 0.25, "v1");
  store.log("k2", 2.0, "v1");
  std::ofstream(folder / "log.jsonl", std::ios::app) << "{\"key\": \"k1\", \"sec\n[]\n\n";
  store.log("k1", 0.5, "v2");
  const auto log = store.read_log();
  ASSERT_EQ(log.size(), 2u) << "half lines of a killed process are passed over";
  EXPECT_EQ(log.at("k1").seconds, 0.5);
  EXPECT_EQ(log.at("k1").program, "v2");
  EXPECT_EQ(log.at("k2").seconds, 2.0);
  EXPECT_FALSE(log.at("k2").host.empty());
  EXPECT_EQ(log.at("k2").when.back(), 'Z');
}

TEST(ResultStore, LogLinesOfManyWritersStayWhole) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) store.log(std::string(200, 'k'), 1.0, "v");
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::istringstream lines(TemporaryFolder::read(folder / "log.jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(nlohmann::json::parse(line)["key"], std::string(200, 'k'));
  }
  EXPECT_EQ(count, 200);
}

AnalysisRecord example_analysis() {
  RunDefinition run = example_run();
  run.task = run.split = "";
  run.evaluation = "analysis sar";
  return {run, {"task", "sar"}, {{"digits", "0.5"}, {"fashion", "0.25"}}};
}

TEST(ResultStore, KeepsAnalysesBesideRecords) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  const AnalysisRecord record = example_analysis();
  EXPECT_FALSE(store.find_analysis(record.run).has_value());
  store.put(record);
  EXPECT_EQ(store.find_analysis(record.run), record);
  EXPECT_FALSE(store.find(record.run).has_value()) << "it is no accuracy";
  RunDefinition other = record.run;
  other.evaluation = "analysis pairs";
  EXPECT_FALSE(store.find_analysis(other).has_value());
}

TEST(ResultStore, RefusesADamagedAnalysis) {
  const TemporaryFolder folder;
  const ResultStore store(folder.path());
  store.put(example_analysis());
  const auto path = folder / "analyses" / (run_key(example_analysis().run) + ".json");
  const std::string text = TemporaryFolder::read(path);
  const auto error = [&](const std::string& damaged) {
    folder.write(std::filesystem::relative(path, folder.path()).string(), damaged);
    return error_message([&] { store.find_analysis(example_analysis().run); });
  };
  expect_mentions(error(text.substr(0, text.size() / 2)), {path.string(), "damaged"});
  expect_mentions(error(text + " "), {path.string(), "layout"});
  std::string changed = text;
  changed.replace(changed.find("iso_cts"), 7, "iso_c  ");
  expect_mentions(error(changed), {path.string()});
}

TEST(ResultStore, AFolderOfANewerVersionIsRefusedAndOneOfThisVersionIsNot) {
  const TemporaryFolder folder;
  const ResultStore store(folder / "results");
  store.require_known_format();
  EXPECT_FALSE(std::filesystem::exists(store.folder())) << "asking must not make folders";
  store.open();
  store.open();
  store.require_known_format();
  EXPECT_EQ(TemporaryFolder::read(folder / "results/format.json"), "{\"format\": 1}\n");
  folder.write("results/format.json", "{\"format\": 2}");
  expect_mentions(error_message([&] { store.open(); }),
                  {"results/format.json", "newer isomerge", "format 2", "knows 1"});
  for (const char* damaged : {"", "{\"form", "[1]", "{\"format\": \"1\"}"}) {
    folder.write("results/format.json", damaged);
    expect_mentions(error_message([&] { store.require_known_format(); }),
                    {"results/format.json", "damaged"});
  }
}

TEST(ResultStore, KeysAreThoseOfWholeRecords) {
  const TemporaryFolder folder;
  const ResultStore store(folder / "results");
  EXPECT_TRUE(store.keys().empty());
  store.put(done_record(example_run(), {true}));
  folder.write("results/records/.half.json.17-x.part", "{");
  folder.write("results/records/note.txt", "mine");
  EXPECT_EQ(store.keys(), std::set<std::string>{run_key(example_run())});
}

}  // namespace
}  // namespace isomerge
