#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "config/experiment.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// An experiment over the mini suite with made-up records: reports need no checkpoint.
class ReportCommand : public ::testing::Test {
 protected:
  ReportCommand() {
    file_ = folder_.write("e.json", std::string(R"({"title": "Made up", "suite": ")") +
                                        ISOMERGE_SOURCE_DIR +
                                        R"(/experiments/suites/mini_vision.json", "tasks": 2,
      "methods": ["zero_shot", "fine_tuned", {"method": "iso_c", "alpha": [1, 1.5, 2]}],
      "figures": [{"figure": "sweep", "name": "alpha", "x": "alpha"}, {"figure": "per_task"}]})");
    const Experiment experiment = read_experiment(file_, {}, Files::kMayBeMissing);
    Plan plan{"base", "encoder", "", {}};
    for (const std::string& task : experiment.rows[0].task_set) {
      plan.tasks[task] = {"expert " + task, "head " + task, "data " + task};
    }
    write_plan(folder_ / "r", experiment.stem, plan);
    const ResultStore store(folder_ / "r");
    int correct = 20;
    for (const char* split : {"val", "test"}) {
      for (const Row& row : experiment.rows) {
        for (const Candidate& candidate : row.candidates) {
          for (const std::string& task : row.task_set) {
            Outcomes outcomes(100);
            correct = (correct + 7) % 90;
            std::fill_n(outcomes.begin(), correct + 5, 1.0f);
            store.put(
                done_record(define_run(experiment, row, candidate, task, split, plan), outcomes));
          }
        }
      }
    }
  }

  ProgramResult report(const std::string& formats, const std::string& prelude = "") {
    return run_isomerge({"report", file_.string(), "--results", (folder_ / "r").string(), "--out",
                         (folder_ / "out").string(), "--format", formats},
                        prelude);
  }
  std::vector<std::string> written() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "out")) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_;
};

using Names = std::vector<std::string>;

TEST_F(ReportCommand, WritesWhatIsAskedFor) {
  const ProgramResult result = report("md,tex,csv,html,svg,pdf,png");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(written(),
            (Names{"e-alpha.csv", "e-alpha.gnuplot", "e-alpha.pdf", "e-alpha.png", "e-alpha.svg",
                   "e-figures.tex", "e-per_task.csv", "e-per_task.gnuplot", "e-per_task.pdf",
                   "e-per_task.png", "e-per_task.svg", "e.csv", "e.html", "e.md", "e.tex",
                   "e_tasks.csv"}));
  const std::string page = TemporaryFolder::read(folder_ / "out/e.html");
  EXPECT_NE(page.find("f_e_alpha_gnuplot_canvas"), std::string::npos);
  EXPECT_NE(page.find("f_e_per_task_gnuplot_canvas"), std::string::npos);
  expect_mentions(TemporaryFolder::read(folder_ / "out/e-figures.tex"),
                  {"\\includegraphics{e-alpha.pdf}", "\\label{fig:e-per_task}"});
}

TEST_F(ReportCommand, GivesAScriptThatDrawsTheFigureAgain) {
  report("svg");
  const auto drawn =
      run_shell("cd '" + (folder_ / "out").string() +
                "' && rm e-alpha.svg && gnuplot e-alpha.gnuplot && head -c 5 e-alpha.svg");
  EXPECT_EQ(drawn.out, "<?xml") << drawn.err;
}

TEST_F(ReportCommand, WritesTablesAndPagesWithoutDrawingWhereThereIsNothingToDraw) {
  EXPECT_EQ(report("csv", "PATH=/nonexistent").exit_code, 0);
  EXPECT_EQ(written(), (Names{"e.csv", "e_tasks.csv"}));
  const ProgramResult result = report("html", "PATH=/nonexistent");
  EXPECT_EQ(result.exit_code, 3);
  expect_mentions(result.err, {"figure \"e-alpha\": gnuplot: not found"});
  EXPECT_EQ(written(), (Names{"e.csv", "e_tasks.csv"})) << "no half a page";
}

TEST_F(ReportCommand, RefusesUnknownFormats) {
  const ProgramResult result = report("md,pgn");
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err, {"unknown format \"pgn\"", "nearest: \"png\"", "html"});
}

}  // namespace
}  // namespace isomerge
