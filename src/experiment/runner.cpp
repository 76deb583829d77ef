#include "experiment/runner.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <set>
#include <thread>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "config/configuration.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "experiment/content_hashes.h"
#include "experiment/row_analysis.h"
#include "experiment/row_search.h"
#include "experiment/shares.h"
#include "experiment/suite_evaluator.h"
#include "experiment/weight_source.h"
#include "experiment/work_list.h"
#include "store/claims.h"
#include "task/named_work.h"

namespace isomerge {
namespace {

Plan make_plan(const Experiment& experiment, const std::vector<std::string>& tasks,
               const SuiteEvaluator& evaluator, const std::filesystem::path& results) {
  ContentHashes hashes(results / "hashes.txt");
  const Suite& suite = experiment.suite;
  Plan plan;
  plan.base = hashes.hash(suite.base);
  plan.module = hashes.hash(suite.module);
  if (suite.is_language()) plan.tokenizer = hashes.hash(suite.tokenizer);
  for (const std::string& name : tasks) {
    const Task& task = require_task(suite, name);
    plan.tasks[name] = {hashes.hash(task.expert), evaluator.head_hash(name),
                        hashes.hash(task.data)};
  }
  hashes.save();
  return plan;
}

// How the linear systems of a merge were solved, as an analysis of it.
struct SolverLog {};
std::string analysis_text(const SolverLog&) { return "linear systems of the merge, revision 1"; }
bool looks_at_features(const SolverLog&) { return false; }

// What a row's search came upon, as an analysis of its first candidate: all of them tell rows
// apart.
struct SearchCurve {
  const Row& row;
  const Select& select;
};
std::string analysis_text(const SearchCurve& curve) {
  std::string candidates;
  for (const Candidate& candidate : curve.row.candidates) {
    candidates += configuration_text(
        {curve.row.method, shown_options(curve.row, candidate), candidate.alpha});
  }
  return fmt::format("search on {} by {} of {}, patience {}, {} candidates {}, revision 1",
                     curve.select.split, curve.select.by, join(curve.select.tasks, ","),
                     curve.select.patience, curve.row.candidates.size(), hash_text(candidates));
}
bool looks_at_features(const SearchCurve&) { return false; }

std::unique_ptr<FactorCache> open_cache(const RunSettings& settings) {
  if (settings.cache.empty()) return nullptr;
  return std::make_unique<FactorCache>(settings.cache, settings.cache_size);
}

// Adds the time of its life.
class Stopwatch {
 public:
  explicit Stopwatch(double* seconds) : seconds_(seconds) {}
  ~Stopwatch() {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    *seconds_ += elapsed.count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double* seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class Runner {
 public:
  Runner(const Experiment& experiment, const RunSettings& settings)
      : experiment_(experiment),
        settings_(settings),
        store_(settings.results),
        evaluator_(open_suite_evaluator(experiment.suite, evaluated_tasks(experiment),
                                        settings.threads, settings.device,
                                        experiment.bf16_encoder ? at::kBFloat16 : at::kFloat)),
        cache_(open_cache(settings)),
        source_(experiment, settings.results / "statistics", settings.threads, settings.device,
                cache_.get()),
        plan_(prepare()),
        records_(store_),
        claims_(settings.results / "claims"),
        shares_(experiment, split_sizes(), settings.shards),
        work_(experiment, plan_, shares_, records_,
              [this](const RowSearch& search, size_t candidate) {
                return is_analysed(search, search.row().candidates[candidate]);
              }) {}

  RunSummary run() {
    std::vector<Unit> ready = work_.ready();
    const WorkList::Reach start = work_.reach();
    Progress progress("running " + experiment_.stem, start.total, start.done);
    progress_ = &progress;
    while (!ready.empty()) {
      throw_if_interrupted();
      if (!has_warned_ && !is_missing_experts(ready)) warn_of_useless_experts();
      const Found found = do_one(ready);
      if (found == Found::kNothing && leaves_to_others()) {
        summary_.left_to_others = static_cast<int64_t>(ready.size());
        break;
      }
      if (found != Found::kWork) std::this_thread::sleep_for(kPause);
      records_.refresh();
      ready = work_.ready();
      progress.reach(work_.reach().done, "");
    }
    if (!has_warned_ && !is_missing_experts(ready)) warn_of_useless_experts();
    summary_.reused = records_.stored_count() + static_cast<int64_t>(reused_analyses_.size());
    if (cache_) summary_.cache = cache_->counts();
    return summary_;
  }

 private:
  static constexpr std::chrono::milliseconds kPause{200};

  enum class Found { kWork, kNothing, kPerhaps };  // kPerhaps: somebody may have died

  // Says now what is missing. The plan is written: a report needs no checkpoints.
  Plan prepare() {
    const std::vector<std::string> tasks = evaluated_tasks(experiment_);
    for (const std::string& task : tasks) {
      evaluator_->split_size(task, experiment_.select.split);
      evaluator_->split_size(task, experiment_.report_split);
    }
    store_.open();
    Plan plan = make_plan(experiment_, tasks, *evaluator_, settings_.results);
    write_plan(settings_.results, experiment_.stem, plan);
    return plan;
  }

  SplitSize split_sizes() const {
    return [this](const std::string& task, const std::string& split) {
      return evaluator_->split_size(task, split);
    };
  }

  // One process alone sees the experiment through. One of several leaves when all that is missing
  // is in the hands of others who live, but waits for what will make more work.
  bool leaves_to_others() const { return settings_.shards > 1 && !work_.is_waiting(); }

  // The first unit that nobody else works on: of the own share, then of those after it.
  Found do_one(const std::vector<Unit>& ready) {
    std::vector<const Unit*> order;
    for (const Unit& unit : ready) order.push_back(&unit);
    const auto distance = [&](const Unit* unit) {
      return (unit->shard - settings_.shard + settings_.shards) % settings_.shards;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](const Unit* a, const Unit* b) { return distance(a) < distance(b); });
    Found found = Found::kNothing;
    for (const Unit* unit : order) {
      switch (claims_.take(unit->name, unit->label, work_.missing(*unit))) {
        case Claims::Outcome::kTaken:
          continue;
        case Claims::Outcome::kPerhapsDead:
          found = Found::kPerhaps;
          continue;
        case Claims::Outcome::kDiedTwice:
          give_up(*unit);
          break;
        case Claims::Outcome::kMine:
          if (is_still_ready(*unit)) carry_out(*unit);
      }
      work_.finished(*unit);
      claims_.release(unit->name, /*is_done=*/true);
      return Found::kWork;
    }
    return found;
  }

  // Whoever held it before may have finished it since it was looked for.
  bool is_still_ready(const Unit& unit) {
    records_.refresh();
    const std::vector<Unit> now = work_.ready();
    return std::any_of(now.begin(), now.end(),
                       [&](const Unit& other) { return other.name == unit.name; });
  }

  void carry_out(const Unit& unit) {
    RowSearch& search = work_.search(unit.row);
    if (unit.count == 1) {
      run_candidate(search, unit.first, unit.tasks, unit.split);
    } else {
      run_line(search, unit);
    }
    if (unit.is_test) analyse_choice(search, unit.first);
  }

  // Candidate by candidate, as far as patience goes.
  void run_line(RowSearch& search, const Unit& unit) {
    uint64_t done = work_.reach().done;
    while (true) {
      const Choice choice = search.choose();
      const auto next = std::find_if(choice.missing.begin(), choice.missing.end(), [&](size_t i) {
        return i >= unit.first && i < unit.first + unit.count;
      });
      if (next == choice.missing.end()) break;
      run_candidate(search, *next, unit.tasks, unit.split);
      progress_->reach(++done, row_text(search.row(), search.row().candidates[*next]));
    }
  }

  // One candidate on those tasks that are not stored.
  void run_candidate(const RowSearch& search, size_t index, const std::vector<std::string>& tasks,
                     const std::string& split) {
    const Row& row = search.row();
    const Candidate& candidate = row.candidates[index];
    const bool one_for_all = row.method != "fine_tuned" && candidate.by_task.empty();
    bool is_bound = false;
    for (const std::string& task : tasks) {
      const RunDefinition run = search.run(index, task, split);
      if (records_.find(run)) continue;
      const std::string label = row_text(row, {candidate.options_on(task), candidate.alpha});
      const auto start = std::chrono::steady_clock::now();
      std::optional<Record> record;
      try {
        if (!is_bound) {
          const bool merges = require_method_info(row.method).merges;
          const Stopwatch binding(merges ? &summary_.merge_seconds : &summary_.evaluate_seconds);
          evaluator_->bind(source_.weights(row, candidate, task), label);
          is_bound = one_for_all;
        }
        const Stopwatch evaluating(&summary_.evaluate_seconds);
        record = done_record(run, evaluator_->evaluate(task, split).outcomes);
      } catch (const Error& error) {
        if (error.fault() == Fault::kInterrupted) throw;
        record = failed(run, fmt::format("{}: {}: {}", label, task, error.what()));
      } catch (const c10::Error& error) {  // the allocator of tensors
        record = failed(run, fmt::format("{}: {}: {}", label, task, translated(error).what()));
      } catch (const std::bad_alloc&) {
        record = failed(run, fmt::format("{}: {}: out of memory", label, task));
      }
      records_.put(*record);
      if (record->status == RunStatus::kDone) ++summary_.computed;
      log_time(run, start);
    }
  }

  // Others died of it: whoever tries again, does so at another start.
  void give_up(const Unit& unit) {
    const RowSearch& search = work_.search(unit.row);
    for (size_t i = unit.first; i < unit.first + unit.count; ++i) {
      for (const std::string& task : unit.tasks) {
        const RunDefinition run = search.run(i, task, unit.split);
        if (records_.find(run)) continue;
        records_.put(failed(
            run, fmt::format("{}: {}: killed: two processes that computed it ended without a word, "
                             "mostly for want of memory",
                             row_text(search.row(), search.row().candidates[i]), task)));
      }
    }
  }

  Record failed(const RunDefinition& run, const std::string& message) {
    add_failure(message);
    return failed_record(run, message);
  }

  void log_time(const RunDefinition& run, std::chrono::steady_clock::time_point start) const {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    store_.log(run_key(run), elapsed.count(), settings_.program_version);
  }

  bool is_missing_experts(const std::vector<Unit>& ready) const {
    return std::any_of(ready.begin(), ready.end(), [&](const Unit& unit) {
      return unit.row == 0 && unit.split == experiment_.select.split;
    });
  }

  // Candidates are compared by accuracies over the experts' own: nothing can be chosen where one of
  // those is 0. Mostly a head of another dataset.
  void warn_of_useless_experts() {
    has_warned_ = true;
    const std::string& split = experiment_.select.split;
    const RowSearch& search = work_.search(0);
    for (const std::string& task : search.row().task_set) {
      const FoundRecord& record = records_.find(search.run(0, task, split));
      if (!record || record->status != RunStatus::kDone || record->correct > 0.0) continue;
      log_warning(
          fmt::format("fine_tuned gets none of the {} examples of {}, split {}, right: no "
                      "candidate that merges it can be chosen. {}",
                      record->total, task, split,
                      experiment_.suite.is_language() ? "Is it the right tokenizer?"
                                                      : "Is it the right head?"));
    }
  }

  template <typename Entry>
  bool is_stored(const Entry& entry, const Row& row, const Candidate& candidate) const {
    return store_.find_analysis(define_analysis(experiment_, row, candidate, entry, plan_))
        .has_value();
  }

  bool is_analysed(const RowSearch& search, const Candidate& candidate) {
    const Row& row = search.row();
    const bool is_searched = row.candidates.size() > 1;
    if (is_searched && !is_stored(SearchCurve{row, experiment_.select}, row, row.candidates[0])) {
      return false;
    }
    if (row.method == "mats" && !is_stored(SolverLog{}, row, candidate)) return false;
    bool are_all = true;
    for (const AnalysisEntry& entry : experiment_.analyses) {
      if (!analyses_row(entry, row)) continue;
      const std::string key = run_key(define_analysis(experiment_, row, candidate, entry, plan_));
      if (made_analyses_.contains(key)) continue;
      if (is_stored(entry, row, candidate)) {
        reused_analyses_.insert(key);
      } else {
        are_all = false;
      }
    }
    return are_all;
  }

  void analyse_choice(RowSearch& search, size_t index) {
    const Row& row = search.row();
    const Candidate& candidate = row.candidates[index];
    if (row.candidates.size() > 1) keep_search_curve(search, index);
    if (row.method == "mats") keep_solver_log(row, candidate);
    for (const AnalysisEntry& entry : experiment_.analyses) {
      if (analyses_row(entry, row)) analyse(entry, row, candidate);
    }
  }

  // What every candidate that was looked at came to, and which was chosen.
  void keep_search_curve(RowSearch& search, size_t index) {
    const Row& row = search.row();
    AnalysisRecord record;
    record.run = define_analysis(experiment_, row, row.candidates[0],
                                 SearchCurve{row, experiment_.select}, plan_);
    record.columns = {"candidate", "score", "chosen"};
    const std::vector<CandidateScore> scores = search.scores();
    for (const size_t i : search.choose().looked_at) {
      const Candidate& candidate = row.candidates[i];
      const bool is_known = scores[i].state == CandidateScore::State::kKnown;
      record.lines.push_back(
          {configuration_text({row.method, shown_options(row, candidate), candidate.alpha}),
           is_known ? number_text(scores[i].value) : "failed", i == index ? "yes" : "no"});
    }
    store_.put(record);
  }

  // Per matrix whether conjugate gradients converged, after how many steps, and how far they came.
  void keep_solver_log(const Row& row, const Candidate& candidate) {
    if (is_stored(SolverLog{}, row, candidate)) return;
    AnalysisRecord record;
    record.run = define_analysis(experiment_, row, candidate, SolverLog{}, plan_);
    record.columns = {"tensor", "converged", "steps", "first_residual", "last_residual"};
    try {
      for (const auto& [name, findings] : source_.findings(row, candidate)) {
        const SolverFindings& solver = findings.solver;
        if (!solver.was_used) continue;
        record.lines.push_back(
            {name, solver.converged ? "yes" : "no", std::to_string(solver.iterations),
             number_text(solver.first_residual), number_text(solver.last_residual)});
      }
    } catch (const Error& error) {
      if (error.fault() == Fault::kInterrupted) throw;
      return;  // its evaluations have failed for the same reason, and said so
    }
    store_.put(record);
  }

  // What the entry asks of the candidate's merged update, unless it is stored. What fails is tried
  // again at the next start.
  void analyse(const AnalysisEntry& entry, const Row& row, const Candidate& candidate) {
    if (is_stored(entry, row, candidate)) return;
    AnalysisRecord record;
    record.run = define_analysis(experiment_, row, candidate, entry, plan_);
    const auto start = std::chrono::steady_clock::now();
    try {
      AnalysisTable table = analysis_table(entry, row, candidate);
      record.columns = std::move(table.columns);
      record.lines = std::move(table.lines);
    } catch (const Error& error) {
      if (error.fault() == Fault::kInterrupted) throw;
      return add_failure(
          fmt::format("analysis {}: {}: {}", entry.name, row_text(row, candidate), error.what()));
    }
    store_.put(record);
    made_analyses_.insert(run_key(record.run));
    ++summary_.computed;
    log_time(record.run, start);
  }

  AnalysisTable analysis_table(const AnalysisEntry& entry, const Row& row,
                               const Candidate& candidate) {
    if (looks_at_features(entry)) {
      evaluator_->bind(source_.weights(row, candidate, ""), row_text(row, candidate));
      return interference_table(*evaluator_, row.task_set, experiment_.report_split);
    }
    const Updates updates(experiment_.suite.base, row_experts(experiment_.suite, row));
    const MergedUpdate merged(source_.merged_update(row, candidate), updates.base());
    return analyse_row(entry, updates, merged, settings_.threads);
  }

  void add_failure(const std::string& message) {
    ++summary_.failed;
    summary_.failures.push_back(message);
    log_warning(message);
  }

  const Experiment& experiment_;
  const RunSettings& settings_;
  const ResultStore store_;
  std::unique_ptr<SuiteEvaluator> evaluator_;
  const std::unique_ptr<FactorCache> cache_;  // or null
  WeightSource source_;
  const Plan plan_;
  KnownRecords records_;
  Claims claims_;
  const Shares shares_;
  WorkList work_;
  RunSummary summary_;
  std::set<std::string> made_analyses_, reused_analyses_;  // keys
  Progress* progress_ = nullptr;
  bool has_warned_ = false;
};

}  // namespace

RunSummary run_experiment(const Experiment& experiment, const RunSettings& settings) {
  return Runner(experiment, settings).run();
}

}  // namespace isomerge
