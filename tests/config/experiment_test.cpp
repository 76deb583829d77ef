#include "config/experiment.h"

#include <gtest/gtest.h>

#include "config/configuration.h"
#include "config/example_suite.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

// A folder with the example suite, where experiments are written and read.
class Lab {
 public:
  Lab() { write_example_suite(folder_); }

  // `body`: the members besides title and suite.
  Experiment read(const std::string& body, const Settings& set = {},
                  Files files = Files::kMustExist) const {
    return read_experiment(write(body), set, files);
  }
  std::string error(const std::string& body, const Settings& set = {}) const {
    const auto file = write(body);
    return error_message([&] { read_experiment(file, set); });
  }
  std::filesystem::path write(const std::string& body) const {
    return folder_.write("e/x.json",
                         "{\"title\": \"T\", \"suite\": \"../suites/s.json\",\n" + body + "}");
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

std::vector<std::string> texts(const Row& row) {
  std::vector<std::string> out;
  for (const Candidate& candidate : row.candidates) {
    out.push_back(configuration_text({row.method, candidate.options, candidate.alpha}));
  }
  return out;
}

using Names = std::vector<std::string>;

TEST(Experiment, EncodesInBf16OnlyWhereItsFileSaysSo) {
  const Lab lab;
  const std::string methods = "\"methods\": [\"average\"]";
  EXPECT_FALSE(lab.read(methods).bf16_encoder);
  EXPECT_FALSE(lab.read(methods + ", \"evaluation\": {\"precision\": \"fp32\"}").bf16_encoder);
  EXPECT_TRUE(lab.read(methods + ", \"evaluation\": {\"precision\": \"bf16\"}").bf16_encoder);
  EXPECT_TRUE(lab.read(methods, {{"evaluation.precision", "bf16"}}).bf16_encoder);
  expect_mentions(lab.error(methods + ", \"evaluation\": {\"precision\": \"fp16\", \"split\": 1}"),
                  {"line 2", "\"fp16\"", "fp32", "bf16", "\"split\""});
}

TEST(Experiment, MayNameTasksThatFurtherMeansLeaveOut) {
  const Lab lab;
  const std::string methods = "\"methods\": [\"average\"], ";
  const std::string task = lab.read("\"methods\": [\"average\"]").suite.tasks[0].name;
  EXPECT_EQ(lab.read(methods + "\"report\": {\"without\": \"" + task + "\"}").report_without,
            Names{task});
  expect_mentions(lab.error(methods + "\"report\": {\"without\": [\"" + task + "x\"]}"),
                  {"line 2", "\"without\"", "no task \"" + task + "x\"", "nearest: \"" + task});
}

TEST(Experiment, MayChooseOnSomeTasksAlone) {
  const Lab lab;
  const std::string methods = "\"methods\": [\"average\"], ";
  const Names tasks = lab.read("\"tasks\": 2, \"methods\": [\"average\"]").rows[0].task_set;
  EXPECT_EQ(Select().counted(tasks), (std::vector<bool>{true, true}));
  const Select select =
      lab.read(methods + "\"select\": {\"tasks\": [\"" + tasks[1] + "\"]}").select;
  EXPECT_EQ(select.tasks, Names{tasks[1]});
  EXPECT_EQ(select.counted(tasks), (std::vector<bool>{false, true}));
  expect_mentions(lab.error(methods + "\"select\": {\"tasks\": [\"" + tasks[1] + "x\"]}"),
                  {"line 2", "\"tasks\"", "no task \"" + tasks[1] + "x\""});
  expect_mentions(
      lab.error(methods + "\"tasks\": 1, \"select\": {\"tasks\": \"" + tasks[1] + "\"}"),
      {"line 2", "\"select\"", "no task of " + tasks[1], "average"});
}

TEST(Experiment, TakesSharesOfTwoTasksAlone) {
  const Lab lab;
  const std::string methods =
      R"("methods": [{"method": "average", "options": {"first_share": "0:1:0.5"}}])";
  EXPECT_EQ(
      texts(lab.read(methods + R"(, "tasks": 2, "select": {"axes": ["first_share"]})").rows[0]),
      (Names{"average/first_share=0/alpha=1", "average/alpha=1", "average/first_share=1/alpha=1"}));
  expect_mentions(lab.error(methods + ", \"tasks\": [2, 1]"),
                  {"line 2", "first_share", "two experts", "got 1"});
}

TEST(Experiment, HoldsWhatItsFileSays) {
  const Lab lab;
  lab.folder().write("e/published.json", "{}");
  const Experiment experiment = lab.read(R"(
    "tasks": 2, "methods": ["zero_shot", {"method": "task_arithmetic", "alpha": "0.1:0.3:0.1"}],
    "precision": "fp64", "exclude": ["x*"], "average": ["y*", "z"],
    "select": {"axes": ["alpha"], "split": "val", "by": "mean normalised accuracy", "patience": 3},
    "report": {"split": "val", "published": "published.json#table1"})");
  EXPECT_EQ(experiment.title, "T");
  EXPECT_EQ(experiment.stem, "x");
  EXPECT_EQ(experiment.path, lab.folder() / "e/x.json");
  EXPECT_EQ(experiment.suite.title, "Small");
  EXPECT_EQ(experiment.precision, Precision::kFp64);
  EXPECT_EQ(experiment.exclude, Names{"x*"});
  EXPECT_EQ(experiment.average, (Names{"y*", "z"}));
  EXPECT_EQ(experiment.select.patience, 3);
  EXPECT_EQ(experiment.report_split, "val");
  EXPECT_EQ(experiment.published, (lab.folder() / "e/published.json").string() + "#table1");
  ASSERT_EQ(experiment.rows.size(), 2u);
  EXPECT_EQ(texts(experiment.rows[0]), Names{"zero_shot"});
  EXPECT_EQ(texts(experiment.rows[1]),
            (Names{"task_arithmetic/alpha=0.1", "task_arithmetic/alpha=0.2",
                   "task_arithmetic/alpha=0.3"}));
  EXPECT_EQ(experiment.rows[1].line_length, 3u);
  EXPECT_EQ(experiment.rows[1].task_set, (Names{"a", "b"}));
  EXPECT_EQ(experiment.rows[1].revision, 1);
}

TEST(Experiment, HasDefaultsForWhatItLeavesOut) {
  const Lab lab;
  const Experiment experiment = lab.read(R"("methods": ["fine_tuned", "iso_c"])");
  EXPECT_EQ(experiment.precision, Precision::kFp32);
  EXPECT_EQ(experiment.select.split, "val");
  EXPECT_EQ(experiment.select.axes, Names{"alpha"});
  EXPECT_EQ(experiment.select.patience, 0);
  EXPECT_EQ(experiment.report_split, "test");
  EXPECT_FALSE(experiment.published.has_value());
  EXPECT_EQ(experiment.rows[0].task_set, (Names{"a", "b", "c"}));
  EXPECT_EQ(texts(experiment.rows[0]), Names{"fine_tuned"});
  EXPECT_EQ(texts(experiment.rows[1]), Names{"iso_c/null=zero/alpha=1.3"});
}

TEST(Experiment, RowsOfMethodsThatReadStatisticsSayItAndNothingIsRefinedYet) {
  const Lab lab;
  const Experiment experiment =
      lab.read(R"("methods": ["ties", "fisher", "regmean", "mats"], "select": {"refine": 2})");
  std::vector<bool> using_them;
  for (const Row& row : experiment.rows) {
    using_them.push_back(row.uses_statistics);
    EXPECT_EQ(row.refined, 0u);
  }
  EXPECT_EQ(using_them, (std::vector<bool>{false, true, true, true}));
  EXPECT_EQ(experiment.select.refine, 2);
}

TEST(Experiment, AxesThatAreNotSelectedMakeRows) {
  const Lab lab;
  const std::string method = R"("methods": [{"method": "iso_cts", "alpha": [1, 2],
      "options": {"common_fraction": "0.5:0.6:0.1", "null": ["fill", "zero"]}}])";
  const auto rows = lab.read(method).rows;
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(texts(rows[1]), (Names{"iso_cts/common_fraction=0.5/null=zero/alpha=1",
                                   "iso_cts/common_fraction=0.5/null=zero/alpha=2"}));
  EXPECT_EQ(texts(rows[2])[0], "iso_cts/common_fraction=0.6/null=fill/alpha=1");

  const auto both = lab.read(method + R"(, "select": {"axes": ["alpha", "common_fraction"]})").rows;
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].line_length, 2u);
  EXPECT_EQ(texts(both[0]), (Names{"iso_cts/common_fraction=0.5/null=fill/alpha=1",
                                   "iso_cts/common_fraction=0.5/null=fill/alpha=2",
                                   "iso_cts/common_fraction=0.6/null=fill/alpha=1",
                                   "iso_cts/common_fraction=0.6/null=fill/alpha=2"}));

  const auto no_alpha = lab.read(method + R"(, "select": {"axes": ["null"]})").rows;
  ASSERT_EQ(no_alpha.size(), 4u);
  EXPECT_EQ(no_alpha[0].line_length, 1u);
  EXPECT_EQ(texts(no_alpha[1]), (Names{"iso_cts/common_fraction=0.5/null=fill/alpha=2",
                                       "iso_cts/common_fraction=0.5/null=zero/alpha=2"}));
}

TEST(Experiment, TasksAreANumberNamesOrSeveralSets) {
  const Lab lab;
  const auto sets = [&](const std::string& tasks) {
    std::vector<Names> out;
    for (const Row& row : lab.read("\"tasks\": " + tasks + R"(, "methods": ["average"])").rows) {
      out.push_back(row.task_set);
    }
    return out;
  };
  using Sets = std::vector<Names>;
  EXPECT_EQ(sets("2"), Sets({{"a", "b"}}));
  EXPECT_EQ(sets(R"(["c", "a"])"), Sets({{"a", "c"}})) << "suite order";
  EXPECT_EQ(sets(R"("b")"), Sets({{"b"}}));
  EXPECT_EQ(sets("[1, 3]"), Sets({{"a"}, {"a", "b", "c"}}));
  EXPECT_EQ(sets(R"("1:3:1")"), Sets({{"a"}, {"a", "b"}, {"a", "b", "c"}}));
  EXPECT_EQ(sets(R"([["a"], ["b", "c"], 2])"), Sets({{"a"}, {"b", "c"}, {"a", "b"}}));
}

TEST(Experiment, AMethodMayHaveTasksOfItsOwn) {
  const Lab lab;
  const auto rows = lab.read(R"("tasks": 2, "methods": [
      "average", {"method": "iso_c", "tasks": [["c"], ["a"]]}])")
                        .rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].task_set, (Names{"a", "b"}));
  EXPECT_EQ(rows[1].task_set, Names{"c"});
  EXPECT_EQ(rows[2].task_set, Names{"a"});
  expect_mentions(lab.error(R"("methods": [{"method": "iso_c", "tasks": [["d"]]}])"),
                  {"unknown task \"d\"", "known: a, b, c"});
}

TEST(Experiment, RefusesTasksThatTheSuiteLacks) {
  const Lab lab;
  const auto error = [&](const std::string& tasks) {
    return lab.error("\"tasks\": " + tasks + R"(, "methods": ["average"])");
  };
  expect_mentions(error("4"), {"line 2: \"tasks\": expected 1 to 3", "got 4"});
  expect_mentions(error("0"), {"expected 1 to 3"});
  expect_mentions(error(R"(["a", "d"])"), {"unknown task \"d\"", "known: a, b, c"});
  expect_mentions(error(R"(["a", "a"])"), {"task \"a\" given twice"});
  expect_mentions(error("[]"), {"empty list"});
  expect_mentions(error("[[1]]"), {"expected a task name, got a whole number"});
  expect_mentions(error("1.5"), {"expected numbers of tasks, or names, got 1.5"});
  expect_mentions(error("[true]"), {"got true"});
}

// The one report: every kind of problem, of the experiment and of its suite.
TEST(Experiment, ReportsEverythingThatIsWrongAtOnce) {
  const Lab lab;
  std::filesystem::remove(lab.folder() / "m/b.pt");
  const std::string message = lab.error(R"(
    "taks": 2,
    "methods": [
      "iso",
      {"method": "iso_cts", "alpha": "1:0:1", "options": {"comon_fraction": 0.8}},
      {"method": "iso_cts", "options": {"common_fraction": [0.5, 1.5]}},
      {"method": "zero_shot", "alpha": 1},
      {"metod": "iso_c"},
      {"method": "tsv_m", "alpha": "x"}
    ],
    "precision": "fp16",
    "select": {"axes": ["aplha"], "split": "train", "patience": -1, "by": "luck"},
    "report": {"splt": "test"})");
  expect_mentions(
      message,
      {"16 problems", "x.json: line 3: unknown key \"taks\"", "nearest: \"tasks\"",
       "line 5: unknown method \"iso\" (nearest: \"iso_c\")", "line 6: \"alpha\": range \"1:0:1\"",
       "line 6: unknown option \"comon_fraction\" of method iso_cts",
       "line 7: option \"common_fraction\" of method iso_cts: expected a number in [0, 1], got 1.5",
       "line 8: method zero_shot has no alpha", "line 9: unknown key \"metod\"",
       "line 9: a method: key \"method\" is missing", "line 10: \"alpha\": expected numbers, got x",
       "line 12: \"precision\"", "line 13: unknown axis \"aplha\"", "nearest: \"alpha\"",
       "line 13: \"split\"", "line 13: \"patience\"", "line 13: \"by\"",
       "line 14: unknown key \"splt\"", "s.json: line 9: no such file"});
}

TEST(Experiment, RefusesAlphasOutOfOrder) {
  const Lab lab;
  const auto error = [&](const std::string& alpha) {
    return lab.error(R"("methods": [{"method": "iso_c", "alpha": )" + alpha + "}]");
  };
  expect_mentions(error("[1, 0.5]"), {"ascending values, got 0.5 after 1"});
  expect_mentions(error("[1, 1]"), {"ascending values, got 1 after 1"});
  expect_mentions(error("[true]"), {"expected numbers, got true"});
  expect_mentions(error("\"1.2\""), {"expected numbers, got 1.2"});
  expect_mentions(error("[]"), {"empty list"});
}

TEST(Experiment, RefusesRepetitionsAndWrongForms) {
  const Lab lab;
  expect_mentions(lab.error(R"("methods": ["average", "average"])"), {"average is listed twice"});
  expect_mentions(lab.error(R"("methods": [{"method": "iso_cts",
                                "options": {"common_fraction": [1, 1.0]}}])"),
                  {"\"common_fraction\": 1 given twice"});
  expect_mentions(lab.error(R"("methods": [{"method": "iso_c", "options": 3}])"),
                  {"\"options\": expected an object"});
  expect_mentions(lab.error(R"("methods": [3])"), {"a method: expected an object, got a whole"});
  expect_mentions(lab.error(R"("methods": "iso_c")"), {"\"methods\": expected a list"});
  expect_mentions(lab.error(R"("tasks": 1)"), {"key \"methods\" is missing"});
  expect_mentions(lab.error(R"("methods": [{"method": "iso_cts", "alpha": "0:9000:1",
                                "options": {"common_fraction": "0:1:0.05"}}])"),
                  {"more than 100,000 combinations"});
}

TEST(Experiment, NamesAMissingSuiteAndAMissingPublishedTable) {
  const TemporaryFolder folder;
  const auto file = folder.write("x.json", R"({"title": "T", "suite": "s.json",
      "methods": ["average"], "report": {"published": "p.json#t"}})");
  for (const Files files : {Files::kMustExist, Files::kMayBeMissing}) {
    expect_mentions(error_message([&] { read_experiment(file, {}, files); }),
                    {"line 1: no such file", "s.json"});
  }
  expect_mentions(error_message([&] { read_experiment(file); }), {"2 problems", "p.json"});
}

TEST(Experiment, NeedsNoCheckpointsForAReport) {
  const Lab lab;
  std::filesystem::remove_all(lab.folder() / "m");
  EXPECT_EQ(lab.read(R"("methods": ["average"])", {}, Files::kMayBeMissing).rows.size(), 1u);
}

TEST(Overrides, ReplaceScalarKeysBeforeChecking) {
  const Lab lab;
  const Experiment experiment =
      lab.read(R"("tasks": 99, "methods": ["average"], "select": {"patience": 3})",
               {{"tasks", "2"},
                {"select.patience", "0"},
                {"precision", "fp64"},
                {"report.split", "val"},
                {"title", "Other"}});
  EXPECT_EQ(experiment.rows[0].task_set.size(), 2u);
  EXPECT_EQ(experiment.select.patience, 0);
  EXPECT_EQ(experiment.precision, Precision::kFp64);
  EXPECT_EQ(experiment.report_split, "val");
  EXPECT_EQ(experiment.title, "Other");
}

TEST(Overrides, AreCheckedLikeTheFile) {
  const Lab lab;
  const auto error = [&](const Settings& set) {
    return lab.error(R"("methods": ["average"])", set);
  };
  expect_mentions(error({{"tasks", "9"}}), {"expected 1 to 3", "got 9"});
  expect_mentions(error({{"select.patiense", "1"}}), {"unknown key \"patiense\""});
  expect_mentions(error({{"title.x", "1"}}), {"--set title.x: a text is no object"});
  expect_mentions(error({{"taks", "2"}}), {"--set taks: neither a key", "nearest: \"tasks\""});
  expect_mentions(error({{"select.patience", "true"}}), {"expected a whole number"});
  expect_mentions(error({{"select.patience", "1.5"}}), {"got a number"});
}

TEST(Overrides, ThatAreVariablesReachFileAndSuite) {
  const Lab lab;
  std::string suite = TemporaryFolder::read(lab.folder() / "suites/s.json");
  suite.replace(suite.find("../m/b.pt"), 4, "${M}");
  lab.folder().write("suites/s.json", suite);
  const Experiment experiment =
      lab.read(R"("methods": ["${METHOD}"])", {{"M", "../m"}, {"METHOD", "iso_c"}});
  EXPECT_EQ(experiment.suite.tasks[1].expert, lab.folder() / "m/b.pt");
  EXPECT_EQ(experiment.rows[0].method, "iso_c");
}

TEST(FineTunedRow, IsTheTrivialRowOverThoseTasks) {
  const Row row = fine_tuned_row({"a", "b"});
  EXPECT_EQ(row.method, "fine_tuned");
  EXPECT_EQ(row.task_set, (Names{"a", "b"}));
  ASSERT_EQ(row.candidates.size(), 1u);
  EXPECT_FALSE(row.candidates[0].alpha.has_value());
  EXPECT_EQ(row.line_length, 1u);
}

}  // namespace
}  // namespace isomerge
