// report/example_table.h -- an experiment with hand-made records, for tests of tables.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/table.h"
#include "support/temporary_folder.h"

namespace isomerge {

// Two tasks of ten examples each, a results folder, and records as the tests say.
class ExampleTable {
 public:
  ExampleTable() {
    experiment_.title = "Example";
    experiment_.stem = "example";
    experiment_.suite.preprocess = {0, 0, {0, 0, 0}, {1, 1, 1}};
    experiment_.suite.tasks = {{"digits", "Digits", {}, {}, {}},
                               {"fashion", "Fashion", {}, {}, {}}};
    plan_ = {"base", "enc", "", {{"digits", {"x1", "h1", "d1"}}, {"fashion", {"x2", "h2", "d2"}}}};
  }

  Experiment& experiment() { return experiment_; }
  const Plan& plan() const { return plan_; }
  Plan& plan() { return plan_; }
  ResultStore store() const { return ResultStore(folder_ / "results"); }
  Table table() const {
    const ResultStore from = store();
    ExperimentRecords records(experiment_, plan_, from);
    return build_table(records);
  }

  // A row with one candidate per alpha (none: a trivial row), over both tasks.
  const Row& add_row(const std::string& method, const std::vector<double>& alphas,
                     const std::vector<std::string>& tasks = {"digits", "fashion"},
                     const Options& options = {}) {
    Row row{method, 1, tasks, {}, std::max<size_t>(alphas.size(), 1)};
    for (const double alpha : alphas) row.candidates.push_back({options, alpha});
    if (alphas.empty()) row.candidates.push_back({});
    experiment_.rows.push_back(row);
    return experiment_.rows.back();
  }

  RunDefinition run(const Row& row, size_t index, const std::string& task,
                    const std::string& split) const {
    return define_run(experiment_, row, row.candidates[index], task, split, plan_);
  }

  // `correct` of ten answers on every task of the row's set.
  void put(const Row& row, size_t index, const std::string& split,
           const std::vector<int>& correct) {
    for (size_t t = 0; t < correct.size(); ++t) {
      Outcomes outcomes(10);
      for (int i = 0; i < correct[t]; ++i) outcomes[static_cast<size_t>(i)] = 1.0f;
      store().put(done_record(run(row, index, row.task_set[t], split), outcomes));
    }
  }

 private:
  TemporaryFolder folder_;
  Experiment experiment_;
  Plan plan_;
};

// Zero-shot, fine-tuned, and Iso-C over three alphas with the best in the middle and Task
// Arithmetic with the best at the end of its grid; every record present.
inline void fill_complete(ExampleTable& example) {
  auto& rows = example.experiment().rows;
  rows.reserve(8);
  example.put(example.add_row("zero_shot", {}), 0, "test", {3, 4});
  const Row& tuned = example.add_row("fine_tuned", {});
  example.put(tuned, 0, "test", {10, 8});
  example.put(tuned, 0, "val", {10, 8});
  const Row& sum = example.add_row("task_arithmetic", {0.1, 0.2, 0.3});
  example.put(sum, 0, "val", {4, 4});
  example.put(sum, 1, "val", {5, 5});
  example.put(sum, 2, "val", {6, 6});
  example.put(sum, 2, "test", {5, 6});
  const Row& iso = example.add_row("iso_c", {1.0, 1.2, 1.4}, {"digits", "fashion"},
                                   {{"null", std::string("zero")}});
  example.put(iso, 0, "val", {8, 6});
  example.put(iso, 1, "val", {9, 7});
  example.put(iso, 2, "val", {9, 7});
  example.put(iso, 1, "test", {9, 8});
}

}  // namespace isomerge
