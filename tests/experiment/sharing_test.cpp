// Processes that share a folder of results, and what becomes of it when they die.
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/process.h"
#include "base/text.h"
#include "config/experiment.h"
#include "experiment/experiment_status.h"
#include "experiment/merge_groups.h"
#include "experiment/runner.h"
#include "experiment/shares.h"
#include "experiment/two_tasks.h"
#include "experiment/work_list.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "support/expect_error.h"
#include "support/program.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class Sharing : public TwoTasks {
 protected:
  std::string command(const std::string& results, const std::string& more = "") const {
    return "\"$ISOMERGE\" run " + file_.string() + " --quiet --threads 1 --results " +
           (folder_ / results).string() + " " + more;
  }

  RunSummary run(const std::string& results) const {
    RunSettings settings;
    settings.results = folder_ / results;
    return run_experiment(read_experiment(file_), settings);
  }

  int64_t computed(const std::string& output) const {
    int64_t sum = 0;
    for (const std::string& line : split(output, '\n')) {
      const size_t at = line.find(" records computed");
      if (at != std::string::npos) sum += static_cast<int64_t>(*parse_number(line.substr(0, at)));
    }
    return sum;
  }

  const std::string methods_ =
      R"("zero_shot", "fine_tuned", {"method": "ties", "alpha": [0.5, 1.0]},
      {"method": "consensus_ta", "alpha": [0.3, 0.6]},
      {"method": "iso_cts", "options": {"common_fraction": [0.6, 0.8]}, "alpha": "0.5:2.0:0.5"})";
  const std::string select_ =
      R"({"axes": ["alpha", "common_fraction"], "patience": 2, "refine": 1})";
};

TEST_F(Sharing, FourProcessesEndWithTheRecordsOfOneAndComputeEachOnce) {
  experiment(methods_, select_);
  const RunSummary whole = run("whole");
  const ProgramResult all = run_shell("for i in 1 2 3; do " + command("four", "--shard $i/4") +
                                      " & pids=\"$pids $!\"; done; " + command("four") +
                                      "; code=$?; for p in $pids; do wait $p || code=$?; done; "
                                      "exit $code");
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(records("four"), records("whole"));
  EXPECT_EQ(records("four", "analyses"), records("whole", "analyses"));
  EXPECT_EQ(computed(all.out), whole.computed) << all.out;
  EXPECT_TRUE(fs::is_empty(folder_ / "four/claims"));
}

TEST_F(Sharing, KilledAtRandomMomentsTheyEndWithTheSameRecords) {
  run("whole");
  std::mt19937 random(7);
  for (int kill = 0; kill < 3; ++kill) {
    const double first = 0.05 + 0.001 * static_cast<double>(random() % 900);
    run_shell(command("killed") + " & a=$!; " + command("killed", "--shard 2/2") +
              " & b=$!; sleep " + number_text(first) + "; kill -9 $a; sleep 0.2; kill -9 $b; wait");
  }
  ProgramResult last = run_shell(command("killed"));
  if (last.exit_code == 1) last = run_shell(command("killed"));  // some work had met two kills
  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(records("killed"), records("whole"));
  EXPECT_EQ(records("killed", "analyses"), records("whole", "analyses"));
}

TEST_F(Sharing, WorkOfWhichTwoProcessesDiedIsStoredAsKilledAndTheRestGoesOn) {
  run("whole");
  const Experiment asked = read_experiment(file_);
  const Plan plan = read_plan(folder_ / "whole", asked.stem);
  const Row& row = asked.rows.at(4);
  const std::string unit = unit_name(
      define_run(asked, row, row.candidates[0], row.task_set[0], "val", plan), row.task_set);
  ProcessIdentity dead = this_process();
  dead.started = "1";
  const nlohmann::ordered_json claim = {
      {"label", "iso_c"}, {"host", dead.host},       {"kernel", dead.kernel},
      {"pid", dead.pid},  {"started", dead.started}, {"missing", 6},
      {"deaths", 1}};
  folder_.write("r/claims/" + unit + ".2", claim.dump());
  const ProgramResult first = run_shell(command("r"));
  EXPECT_EQ(first.exit_code, 1);
  expect_mentions(first.err, {"iso_c", "killed: two processes"});
  const ProgramResult report =
      run_isomerge({"report", file_.string(), "--results", (folder_ / "r").string()});
  expect_mentions(report.out, {"failed: all candidates", "Weight Averaging"});
  const ProgramResult second = run_shell(command("r"));
  EXPECT_EQ(second.exit_code, 0) << second.err << "tried again at the next start";
  EXPECT_EQ(records("r"), records("whole"));
}

TEST_F(Sharing, AShardWaitsForNobodyWhoDiedElsewhereAndFinishesItsOwnShare) {
  experiment(R"("average", {"method": "ties", "alpha": [0.5, 1.0]})");
  run("whole");
  const ProgramResult alone = run_shell(command("r", "--shard 2/3"));
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_EQ(records("r"), records("whole")) << "what nobody claims it does as well";
}

TEST_F(Sharing, ASignalGivesBackWhatIsHeldAndANewStartContinues) {
  experiment(R"("average", {"method": "ties", "alpha": [0.5, 1.0]})");
  run("whole");
  const ProgramResult stopped =
      run_shell(command("r") + " & pid=$!; until ls " + (folder_ / "r/records").string() +
                "/*.json >/dev/null 2>&1; do sleep 0.02; done; kill -TERM $pid; wait $pid");
  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  expect_mentions(stopped.err, {"interrupted", "continues"});
  EXPECT_TRUE(fs::is_empty(folder_ / "r/claims"));
  EXPECT_LT(records("r").size(), records("whole").size());
  EXPECT_EQ(run_shell(command("r")).exit_code, 0);
  EXPECT_EQ(records("r"), records("whole"));
}

// The experiment's two rows of two tasks: one candidate each, and three.
TEST_F(Sharing, StatusTellsWhatIsMissingWhoIsAtWorkAndHowLongItWillTake) {
  experiment(R"("average", {"method": "ties", "alpha": [0.5, 1.0, 1.5]})");
  run("r");
  const std::string results = (folder_ / "r").string();
  const std::vector<std::string> status = {"run", file_.string(), "--status", "--results", results};
  EXPECT_EQ(run_isomerge(status).out.find("missing"), std::string::npos);
  const Experiment asked = read_experiment(file_);
  const Plan plan = read_plan(folder_ / "r", asked.stem);
  const ResultStore store(folder_ / "r");
  const Row& ties = asked.rows.at(1);
  for (const std::string& task : ties.task_set) {
    fs::remove(
        store.record_path(run_key(define_run(asked, ties, ties.candidates[2], task, "val", plan))));
  }
  Claims worker(folder_ / "r/claims");
  worker.take("a", "ties, 2 tasks, val", 2);
  worker.take("b", "something else", 2);
  const ProgramResult text = run_isomerge(status);
  expect_mentions(text.out,
                  {"2 of   3 candidates  not complete", "in work: ties, 2 tasks, val, by process",
                   "at most 4 records are missing", "2 processes would need about"});
  std::vector<std::string> words = status;
  words.push_back("--json");
  const auto json = nlohmann::json::parse(run_isomerge(words).out);
  EXPECT_EQ(json["missing"], 4) << "two of validation, and the test of what will be chosen";
  EXPECT_EQ(json["claims"].size(), 2u);
  EXPECT_NEAR(json["seconds_left"].get<double>(), json["seconds_each"].get<double>() * 2, 1e-9);
  EXPECT_GT(json["seconds_each"].get<double>(), 0.0);
}

TEST_F(Sharing, AFolderOfANewerVersionIsRefusedByRunStatusAndReport) {
  folder_.write("r/format.json", "{\"format\": 9}");
  const std::string results = (folder_ / "r").string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run", file_.string(), "--results", results},
        {"run", file_.string(), "--results", results, "--status"},
        {"report", file_.string(), "--results", results}}) {
    const ProgramResult result = run_isomerge(words);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    expect_mentions(result.err, {"format.json", "newer isomerge", "format 9"});
  }
  EXPECT_FALSE(fs::exists(folder_ / "r/records"));
}

TEST_F(Sharing, AShardThatIsNoneIsRefused) {
  for (const std::string shard : {"0/4", "5/4", "2", "a/b", "1/0", "-1/2", "1/2/3", "", "/"}) {
    const ProgramResult result = run_isomerge({"run", file_.string(), "--shard=" + shard});
    EXPECT_EQ(result.exit_code, 2) << shard;
    expect_mentions(result.err, {"--shard", "2/4"});
  }
}

TEST_F(Sharing, EveryCandidateOfASearchAndTheChosenOneAreStored) {
  experiment(R"({"method": "task_arithmetic", "alpha": [0.2, 0.6, 1.0]})",
             R"({"patience": 1, "refine": 2})");
  run("r");
  const auto curves = records("r", "analyses");
  ASSERT_EQ(curves.size(), 1u);
  const AnalysisRecord curve = parse_analysis_record(curves.begin()->second, "curve");
  EXPECT_EQ(curve.columns, (std::vector<std::string>{"candidate", "score", "chosen"}));
  size_t chosen = 0;
  double best = 0.0, of_chosen = -1.0;
  for (const auto& line : curve.lines) {
    const double score = parse_number(line[1]).value();
    best = std::max(best, score);
    if (line[2] == "yes") of_chosen = score, ++chosen;
  }
  EXPECT_GE(curve.lines.size(), 5u) << "the grid until patience ends, and two rounds";
  EXPECT_EQ(chosen, 1u);
  EXPECT_EQ(of_chosen, best);
  const ProgramResult report = run_isomerge(
      {"report", file_.string(), "--results", (folder_ / "r").string(), "--format", "md"});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_EQ(report.out.find("missing"), std::string::npos) << report.out;
}

// Merges that share factors stand in one group, in order, as many as memory takes.
TEST_F(Sharing, GroupsHoldMatrixMergesOfTheWholeExperimentAndFollowFromItAlone) {
  experiment(R"("average", {"method": "ties", "alpha": [0.5, 1.0]},
      {"method": "tsv_m", "tasks": [2, 3]}, {"method": "consensus_ta"},
      {"method": "iso_cts", "options": {"common_fraction": [0.6, 0.7, 0.8]}, "alpha": [1, 2]})");
  const Experiment asked = read_experiment(file_);
  const MergeGroups all(asked, 100, 1000);
  ASSERT_EQ(all.groups().size(), 1u);
  std::vector<std::string> methods;
  for (const SuiteMerge& merge : all.groups()[0]) methods.push_back(merge.method);
  EXPECT_EQ(methods, (std::vector<std::string>{"tsv_m", "tsv_m", "iso_cts", "iso_cts", "iso_cts"}));
  EXPECT_EQ(all.groups()[0][1].tasks.size(), 3u);
  const MergeGroups twos(asked, 100, 299);
  ASSERT_EQ(twos.groups().size(), 2u) << "the fifth is alone";
  EXPECT_EQ(twos.groups()[1].size(), 2u);
  const SuiteMerge last = all.groups()[0][4];
  EXPECT_EQ(all.group_of(last).size(), 5u);
  EXPECT_EQ(twos.group_of(last).size(), 1u);
  EXPECT_EQ(MergeGroups(asked, 100, 50).groups().size(), 0u) << "one at a time";
}

TEST_F(Sharing, SharesAreEqualInCostUpToAPieceAndKeepNeighboursTogether) {
  experiment(R"("zero_shot", "average", {"method": "ties", "alpha": "0.1:1.0:0.1"},
      {"method": "iso_cts", "options": {"common_fraction": [0.5, 0.6, 0.7, 0.8]}, "alpha": "0.5:2.0:0.5"})",
             R"({"axes": ["alpha", "common_fraction"]})");
  const Experiment asked = read_experiment(file_);
  const SplitSize examples = [](const std::string&, const std::string&) { return int64_t{100}; };
  const Shares shares(asked, examples, 3);
  std::vector<double> cost(3);
  int before = 0;
  for (size_t r = 0; r < asked.rows.size(); ++r) {
    const Row& row = asked.rows[r];
    for (size_t i = 0; i < row.candidates.size(); i += row.line_length) {
      const int share = shares.of(r, i);
      EXPECT_GE(share, before) << "neighbours";
      EXPECT_EQ(shares.of(r, i + row.line_length - 1), share) << "a line is one piece";
      before = share;
      cost[static_cast<size_t>(share)] += static_cast<double>(row.line_length);
    }
  }
  for (const double one : cost) EXPECT_NEAR(one, 28.0 / 3, 8.0);
  EXPECT_EQ(shares.of(3, 16), shares.of(3, 15)) << "refined ones belong to the last line";
  const Shares one(asked, examples, 1);
  EXPECT_EQ(one.of(3, 0), 0);
}

}  // namespace
}  // namespace isomerge
