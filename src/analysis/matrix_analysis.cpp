#include "analysis/matrix_analysis.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "analysis/alignment.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "factor/factors.h"
#include "linalg/product.h"
#include "linalg/svd.h"
#include "task/entries.h"
#include "task/named_work.h"

namespace isomerge {
namespace {

// One matrix at work.
class MatrixWork {
 public:
  MatrixWork(const AnalysisSettings& settings, const std::vector<std::string>& tasks,
             Factors factors, at::Tensor merged)
      : settings_(settings),
        tasks_(tasks),
        factors_(std::move(factors)),
        merged_(std::move(merged)) {
    for (int64_t t = 0; t < factors_.tasks(); ++t) is_zero_.push_back(all_zero(factors_.update(t)));
  }

  MatrixAnalysis analyse() {
    MatrixAnalysis out;
    if (settings_.with_sar || settings_.with_pairs) {
      const SingularSpace& space = merged_space();
      choose_ranks(space, &out);
      if (settings_.with_sar) align_tasks(space, &out.sar);
      if (settings_.with_pairs) align_pairs(&out.pairs);
    }
    for (const std::string& subject : settings_.subjects) out.spectra.push_back(values_of(subject));
    return out;
  }

 private:
  bool is_sum() const { return !merged_.defined(); }
  int64_t rank() const { return factors_.rank(); }

  const at::Tensor& sum() {
    if (!sum_.defined()) sum_ = factors_.sum();
    return sum_;
  }

  // D_M with all its values.
  const SingularSpace& merged_space() {
    if (merged_space_) return *merged_space_;
    const at::Tensor& d = is_sum() ? sum() : merged_;
    if (factors_.route() == Route::kLapack) {
      merged_space_.emplace(d);
    } else {
      merged_space_.emplace(
          d, is_sum() ? factors_.sum_eigen(d) : all_eigenpairs(gram_of_rows(short_side_rows(d))));
    }
    values_[kMerged] = merged_space_->values();
    if (is_sum()) values_[kSum] = values_[kMerged];
    return *merged_space_;
  }

  // D_t with its k leading values or more; remembers them if they are all.
  SingularSpace task_space(int64_t t, int64_t k) {
    SingularSpace space = factors_.route() == Route::kLapack
                              ? SingularSpace(factors_.update(t))
                              : SingularSpace(factors_.update(t), factors_.task_eigen(t, k));
    if (space.values().numel() == rank()) values_[task(t)] = space.values();
    return space;
  }

  const std::string& task(int64_t t) const { return tasks_[static_cast<size_t>(t)]; }

  void choose_ranks(const SingularSpace& space, MatrixAnalysis* out) {
    for (const RankChoice& choice : settings_.ranks) {
      const int64_t k = chosen_rank(choice, space.values());
      ranks_.push_back(k);
      Svd leading;
      leading.s = space.values().narrow(0, 0, k);
      leading.next = k < rank() ? space.values()[k].item<double>() : 0.0;
      out->is_tied = out->is_tied || is_tied_cut(leading, rank());
    }
  }

  int64_t largest_rank() const { return *std::max_element(ranks_.begin(), ranks_.end()); }

  std::vector<Alignment> blank_alignments(size_t count) const {
    std::vector<Alignment> out;
    for (size_t c = 0; c < ranks_.size(); ++c) {
      for (const Side side : settings_.sides) out.push_back({c, side, ranks_[c], Values(count)});
    }
    return out;
  }

  // Writes the alignment of D_t with the space at `index` of every entry's values, by all choices
  // at once.
  void align(int64_t t, Side side, const Directions& directions, size_t index,
             std::vector<Alignment>* out) const {
    if (is_zero_[static_cast<size_t>(t)]) return;
    const at::Tensor ratios = subspace_alignment(factors_.update(t), directions, side);
    for (Alignment& alignment : *out) {
      if (alignment.side != side) continue;
      // Beyond the numerical rank there are no directions.
      const int64_t k = std::min(alignment.k, ratios.numel() - 1);
      alignment.values[index] = ratios[k].item<double>();
    }
  }

  void align_tasks(const SingularSpace& space, std::vector<Alignment>* out) const {
    *out = blank_alignments(static_cast<size_t>(factors_.tasks()));
    for (const Side side : settings_.sides) {
      const Directions directions = space.leading(largest_rank(), side);
      for (int64_t t = 0; t < factors_.tasks(); ++t) {
        align(t, side, directions, static_cast<size_t>(t), out);
      }
    }
  }

  void align_pairs(std::vector<Alignment>* out) {
    const int64_t tasks = factors_.tasks();
    *out = blank_alignments(static_cast<size_t>(tasks * tasks));
    for (int64_t j = 0; j < tasks; ++j) {
      if (is_zero_[static_cast<size_t>(j)]) continue;
      const SingularSpace space = task_space(j, wants_values(task(j)) ? rank() : largest_rank());
      for (const Side side : settings_.sides) {
        const Directions directions = space.leading(largest_rank(), side);
        for (int64_t i = 0; i < tasks; ++i) {
          align(i, side, directions, static_cast<size_t>(i * tasks + j), out);
        }
      }
    }
  }

  bool wants_values(const std::string& subject) const {
    return std::find(settings_.subjects.begin(), settings_.subjects.end(), subject) !=
           settings_.subjects.end();
  }

  at::Tensor values_of(const std::string& subject) {
    const auto known = values_.find(subject);
    if (known != values_.end()) return known->second;
    const at::Tensor values = all_singular_values(matrix_of(subject), factors_.route());
    values_[subject] = values;
    if (is_sum() && subject == kMerged) values_[kSum] = values;
    if (is_sum() && subject == kSum) values_[kMerged] = values;
    return values;
  }

  at::Tensor matrix_of(const std::string& subject) {
    if (subject == kMerged && !is_sum()) return merged_;
    if (subject == kMerged || subject == kSum) return sum();
    const auto found = std::find(tasks_.begin(), tasks_.end(), subject);
    return factors_.update(found - tasks_.begin());
  }

  const AnalysisSettings& settings_;
  const std::vector<std::string>& tasks_;
  Factors factors_;
  at::Tensor merged_, sum_;
  std::vector<bool> is_zero_;   // T
  std::vector<int64_t> ranks_;  // k of every choice
  std::optional<SingularSpace> merged_space_;
  std::map<std::string, at::Tensor> values_;  // all r of a subject, once known
};

std::vector<TensorInfo> changed_matrices(const Updates& updates, const AnalysisSettings& settings,
                                         std::vector<std::string>* unchanged) {
  const std::vector<TensorInfo> selected = selected_matrices(updates.tensors(), settings.selection);
  std::vector<TensorInfo> changed;
  ordered_parallel(
      selected.size(), settings.threads,
      [&](size_t i) {
        throw_if_interrupted();
        return updates.is_unchanged(selected[i].name);
      },
      [&](size_t i, bool is_unchanged) {
        if (is_unchanged) {
          unchanged->push_back(selected[i].name);
        } else {
          changed.push_back(selected[i]);
        }
      });
  return changed;
}

void refuse_ambiguous(const std::vector<std::string>& tasks) {
  for (const char* subject : {kSum, kMerged}) {
    if (std::find(tasks.begin(), tasks.end(), subject) == tasks.end()) continue;
    throw input_error(fmt::format("a task cannot be called \"{}\" in an analysis", subject));
  }
}

// What a matrix costs grows with m n r, more or less.
uint64_t work_of(const TensorInfo& info) {
  return static_cast<uint64_t>(info.elements() * std::min(info.shape[0], info.shape[1]));
}

}  // namespace

SuiteAnalysis analyse_matrices(const Updates& updates, const MergedUpdate* merged,
                               const AnalysisSettings& settings) {
  refuse_ambiguous(updates.tasks());
  SuiteAnalysis out;
  const std::vector<TensorInfo> matrices = changed_matrices(updates, settings, &out.unchanged);
  uint64_t total = 0;
  for (const TensorInfo& info : matrices) total += work_of(info);
  Progress progress("analysing", std::max<uint64_t>(total, 1));
  ordered_parallel(
      matrices.size(), settings.threads,
      [&](size_t i) {
        const size_t ahead = i + static_cast<size_t>(settings.threads);
        if (ahead < matrices.size()) updates.will_need(matrices[ahead].name);
        return named_work(matrices[i].name, [&] {
          Updates::Loaded loaded = updates.load(matrices[i].name, settings.dtype);
          Factors factors(std::move(loaded.updates), factor_source(settings.cache, loaded.hashes));
          at::Tensor d = merged ? merged->load(matrices[i].name, settings.dtype) : at::Tensor();
          return MatrixWork(settings, updates.tasks(), std::move(factors), std::move(d)).analyse();
        });
      },
      [&](size_t i, MatrixAnalysis matrix) {
        matrix.info = matrices[i];
        out.matrices.push_back(std::move(matrix));
        progress.add(work_of(matrices[i]), matrices[i].name);
      });
  return out;
}

}  // namespace isomerge
