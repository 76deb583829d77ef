// experiment/work_list.h -- what of an experiment can be computed now, in pieces that processes
// share out among themselves.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "experiment/row_search.h"
#include "experiment/shares.h"
#include "store/plan.h"

namespace isomerge {

// Some candidates of one row on some of its tasks: what one process does in one go.
struct Unit {
  std::string name;   // of the claim: the same for every process and experiment that needs it
  std::string label;  // for people: "iso_c/null=zero, 8 tasks, val"
  size_t row = 0;     // WorkList::search(row) has its candidates
  size_t first = 0, count = 0;  // candidates: a line, walked with patience, or one
  std::vector<std::string> tasks;
  std::string split;
  bool is_test = false;  // of a row's chosen candidate: with the row's analyses
  int shard = 0;         // whose share it is, from 0
};

// Every row passes through these stages: trials that choose its lambdas, if it lacks some; the
// lines of its grid; rounds of refinement; the chosen candidate on the report's split. The experts'
// own accuracies come first, a row of their own in front of the experiment's. What stage a row is
// in follows from the records alone, so processes need not talk to each other.
class WorkList {
 public:
  // is_analysed: whether what the experiment analyses of a chosen candidate is stored. All have to
  // outlive this object.
  using IsAnalysed = std::function<bool(const RowSearch& search, size_t candidate)>;
  WorkList(const Experiment& experiment, const Plan& plan, const Shares& shares,
           KnownRecords& records, IsAnalysed is_analysed);

  // What is missing and can be computed, in the order of the experiment; after refresh() of the
  // records. Without what finished() was told.
  std::vector<Unit> ready();

  // Whether some row will have work beside what ready() gave last, once others' records are there,
  // more than the test of what it chooses.
  bool is_waiting() const { return is_waiting_; }

  RowSearch& search(size_t row) { return *rows_[row].search; }

  // Records that the unit lacks now.
  int64_t missing(const Unit& unit);

  // This process has done what it could for the unit.
  void finished(const Unit& unit) { finished_.insert(unit.name); }

  // How far the experiment is, in candidates; what patience made needless counts as done.
  struct Reach {
    uint64_t done = 0, total = 0;
  };
  Reach reach() const;

 private:
  struct RowState {
    std::optional<RowSearch> search;  // of the trials, then of the row with its lambdas
    bool is_trial = false, is_over = false;
    uint64_t done = 0, total = 0;
  };

  void add_experts(std::vector<Unit>* out);
  void add_row(size_t index, std::vector<Unit>* out);
  void add_trials(size_t index, std::vector<Unit>* out);
  void add_lines(size_t index, const Choice& choice, std::vector<Unit>* out);
  void add_test(size_t index, size_t candidate, std::vector<Unit>* out);
  Unit unit_of(size_t row, size_t first, size_t count, std::vector<std::string> tasks,
               const std::string& split) const;

  const Experiment& experiment_;
  const Plan& plan_;
  const Shares& shares_;
  KnownRecords& records_;
  const IsAnalysed is_analysed_;
  std::deque<RowState> rows_;  // the experts' first
  std::set<std::string> finished_;
  bool is_waiting_ = false;
};

// Every task that some row of the experiment evaluates, in suite order.
std::vector<std::string> evaluated_tasks(const Experiment& experiment);

// Unit::name of work that begins with this run: whatever else an experiment holds, the same work
// has the same name. A run does not tell the tasks, since that of the base is the same in every
// row.
std::string unit_name(const RunDefinition& first, const std::vector<std::string>& tasks);

// "iso_c/null=zero/alpha=1.2, 8 tasks".
std::string row_text(const Row& row, const Candidate& candidate);

}  // namespace isomerge
