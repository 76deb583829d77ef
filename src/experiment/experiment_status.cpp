#include "experiment/experiment_status.h"

#include <algorithm>
#include <optional>

#include "config/configuration.h"
#include "config/mask_rows.h"
#include "experiment/row_search.h"
#include "experiment/work_list.h"
#include "store/plan.h"
#include "store/result_store.h"

namespace isomerge {
namespace {

// The row with its lambdas, if the records tell them.
std::optional<Row> find_complete_row(const Experiment& experiment, const Row& row, const Plan& plan,
                                     KnownRecords& records, RowStatus* status) {
  if (!needs_lambdas(row)) return row;
  const LambdaSearch search = find_lambdas(experiment, row, plan, records);
  status->masks = search.trials;
  status->masks_evaluated = search.trials - search.missing;
  if (search.lambdas.size() < row.task_set.size()) return {};
  return with_lambdas(row, search.lambdas);
}

void add_candidates(const Experiment& experiment, const Row& row, const Plan& plan,
                    KnownRecords& records, RowStatus* status) {
  RowSearch search(experiment, row, plan, records);
  const Choice choice = search.choose();
  status->candidates = static_cast<int64_t>(search.row().candidates.size());
  const bool is_searched = search.row().candidates.size() > 1;
  for (size_t i = 0; i < search.row().candidates.size(); ++i) {
    status->evaluated += search.is_done(i, experiment.select.split) ? 1 : 0;
  }
  const auto tasks = static_cast<int64_t>(row.task_set.size());
  status->missing = tasks;  // the test of what will be chosen
  for (size_t i = 0; i < search.row().candidates.size() && is_searched; ++i) {
    status->missing +=
        static_cast<int64_t>(search.missing_tasks(i, experiment.select.split).size());
  }
  if (!choice.index || !choice.missing.empty()) return;
  const Candidate& chosen = search.row().candidates[*choice.index];
  status->chosen = configuration_text({row.method, shown_options(row, chosen), chosen.alpha});
  status->is_complete = search.is_done(*choice.index, experiment.report_split);
  status->missing =
      static_cast<int64_t>(search.missing_tasks(*choice.index, experiment.report_split).size());
}

}  // namespace

double ExperimentStatus::seconds_left() const {
  const size_t workers = std::max<size_t>(claims.size(), 1);
  return seconds_each * static_cast<double>(missing) / static_cast<double>(workers);
}

ExperimentStatus experiment_status(const Experiment& experiment,
                                   const std::filesystem::path& results) {
  const ResultStore store(results);
  const Plan plan = read_plan(results, experiment.stem);
  KnownRecords records(store);
  ExperimentStatus out;
  for (const Row& row : experiment.rows) {
    RowStatus status;
    status.row = row_text(row, {row.candidates.front().options, {}});
    status.candidates = static_cast<int64_t>(row.candidates.size());
    const std::optional<Row> complete = find_complete_row(experiment, row, plan, records, &status);
    if (complete) {
      add_candidates(experiment, *complete, plan, records, &status);
    } else {
      const auto tasks = static_cast<int64_t>(row.task_set.size());
      status.missing = status.masks - status.masks_evaluated + tasks * (status.candidates + 1);
    }
    out.missing += status.missing;
    out.rows.push_back(status);
  }
  out.claims = standing_claims(results / "claims");
  const auto log = store.read_log();
  for (const auto& [key, entry] : log) out.seconds_each += entry.seconds;
  if (!log.empty()) out.seconds_each /= static_cast<double>(log.size());
  return out;
}

}  // namespace isomerge
