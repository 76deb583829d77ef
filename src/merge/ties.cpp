#include "merge/ties.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include <ATen/ops/empty_like.h>

#include "merge/magnitude_selection.h"

namespace isomerge {
namespace {

// Entries at a time: sums and counts stay in registers and the nearest cache, and a constant number
// of turns lets the compiler use vectors.
constexpr size_t kRun = 512;

// Calls work(first entry, how many) over a block, in runs.
template <typename Work>
void for_each_run(const Block& block, const Work& work) {
  constexpr auto kStep = static_cast<int64_t>(kRun);
  for (int64_t first = 0; first < block.size(); first += kStep) {
    work(first, static_cast<size_t>(std::min(kStep, block.size() - first)));
  }
}

// The run's trimmed entries of one task, followed by zeros up to kRun.
template <typename T>
void trim(const T* entries, size_t count, T threshold, T* trimmed) {
  std::fill(std::copy(entries, entries + count, trimmed), trimmed + kRun, T(0));
  for (size_t i = 0; i < kRun; ++i) {
    trimmed[i] = std::abs(trimmed[i]) >= threshold ? trimmed[i] : T(0);
  }
}

// The trimmed entries of all tasks, and their sums in fp64.
template <typename T>
class TrimmedRun {
 public:
  explicit TrimmedRun(const Block& block) : block_(block), entries_(block.updates.size() * kRun) {}

  void load(int64_t first, size_t count, const std::vector<double>& thresholds) {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (size_t t = 0; t < block_.updates.size(); ++t) {
      T* const trimmed = entries_.data() + t * kRun;
      trim(block_.updates[t].const_data_ptr<T>() + first, count, static_cast<T>(thresholds[t]),
           trimmed);
      for (size_t i = 0; i < kRun; ++i) sums_[i] += static_cast<double>(trimmed[i]);
    }
  }

  const T* task(size_t t) const { return entries_.data() + t * kRun; }
  const double* sums() const { return sums_.data(); }

 private:
  const Block& block_;
  std::vector<T> entries_;
  std::array<double, kRun> sums_ = {};
};

template <typename T>
int64_t count_signs(const Block& block, const std::vector<double>& thresholds) {
  TrimmedRun<T> run(block);
  int64_t balance = 0;
  for_each_run(block, [&](int64_t first, size_t count) {
    run.load(first, count, thresholds);
    const double* const sums = run.sums();
    for (size_t i = 0; i < kRun; ++i) balance += (sums[i] > 0.0) - (sums[i] < 0.0);
  });
  return balance;
}

template <typename T>
void merge_entries(const Block& block, const std::vector<double>& thresholds, bool majority_is_plus,
                   bool takes_mean, at::Tensor* out) {
  TrimmedRun<T> run(block);
  T* const merged = out->mutable_data_ptr<T>();
  std::array<double, kRun> signs, agreeing, counts;
  for_each_run(block, [&](int64_t first, size_t count) {
    run.load(first, count, thresholds);
    const double* const sums = run.sums();
    T* const to = merged + first;
    for (size_t i = 0; i < kRun; ++i) {
      const bool is_plus = sums[i] != 0.0 ? sums[i] > 0.0 : majority_is_plus;
      signs[i] = is_plus ? 1.0 : -1.0;
      agreeing[i] = counts[i] = 0.0;
    }
    for (size_t t = 0; t < block.updates.size(); ++t) {
      const T* const entries = run.task(t);
      for (size_t i = 0; i < kRun; ++i) {
        const auto x = static_cast<double>(entries[i]);
        const bool agrees = x * signs[i] > 0.0;
        agreeing[i] += agrees ? x : 0.0;
        counts[i] += agrees ? 1.0 : 0.0;
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const bool divides = takes_mean && counts[i] > 1.0;
      to[i] = static_cast<T>(divides ? agreeing[i] / counts[i] : agreeing[i]);
    }
  });
}

// Sum of the elected signs, of each group.
class SignBalance : public ScanState {
 public:
  using Count = std::function<int64_t(const Block&)>;
  SignBalance(Count count, bool is_per_tensor)
      : count_(std::move(count)), is_per_tensor_(is_per_tensor) {}

  void fold(const Block& block) override {
    balance_[is_per_tensor_ ? block.info.name : ""] += count_(block);
  }
  void absorb(const ScanState& other) override {
    for (const auto& [group, balance] : dynamic_cast<const SignBalance&>(other).balance_) {
      balance_[group] += balance;
    }
  }
  const std::map<std::string, int64_t>& balance() const { return balance_; }

 private:
  Count count_;
  bool is_per_tensor_;
  std::map<std::string, int64_t> balance_;
};

// A pass of `inner` over changed blocks.
class ChangedScan : public ScanState {
 public:
  ChangedScan(std::unique_ptr<ScanState> inner, const BlockChange& change)
      : inner_(std::move(inner)), change_(change) {}

  void fold(const Block& block) override { inner_->fold(change_(block)); }
  void absorb(const ScanState& other) override {
    inner_->absorb(*dynamic_cast<const ChangedScan&>(other).inner_);
  }
  const ScanState& inner() const { return *inner_; }

 private:
  std::unique_ptr<ScanState> inner_;
  const BlockChange& change_;
};

class TiesRule : public ElementwiseRule {
 public:
  TiesRule(const TiesOptions& options, BlockChange change)
      : options_(options),
        change_(std::move(change)),
        selection_(options.keep, options.is_per_tensor) {}

  void prepare(const std::vector<std::string>&, at::ScalarType dtype) override {
    is_double_ = dtype == at::kDouble;
    selection_.prepare(dtype);
  }

  int scans() const override { return selection_scans() + 1; }

  std::unique_ptr<ScanState> start_scan(int scan) override {
    std::unique_ptr<ScanState> state;
    if (scan < selection_scans()) {
      state = selection_.start_scan(scan);
    } else {
      state = std::make_unique<SignBalance>([this](const Block& block) { return balance(block); },
                                            options_.is_per_tensor);
    }
    if (change_) state = std::make_unique<ChangedScan>(std::move(state), change_);
    return state;
  }

  void finish_scan(int scan, const ScanState& total) override {
    const ScanState& state = change_ ? dynamic_cast<const ChangedScan&>(total).inner() : total;
    if (scan < selection_scans()) return selection_.finish_scan(scan, state);
    balance_ = dynamic_cast<const SignBalance&>(state).balance();
  }

  at::Tensor merge(const Block& block) const override {
    if (change_) return merge_changed(change_(block));
    return merge_changed(block);
  }

 private:
  int selection_scans() const { return options_.keep < 1.0 ? selection_.scans() : 0; }

  std::vector<double> thresholds(const Block& block) const {
    if (options_.keep < 1.0) return selection_.thresholds(block.info);
    return std::vector<double>(block.updates.size(), 0.0);
  }

  int64_t balance(const Block& block) const {
    return is_double_ ? count_signs<double>(block, thresholds(block))
                      : count_signs<float>(block, thresholds(block));
  }

  at::Tensor merge_changed(const Block& block) const {
    const bool is_plus = balance_.at(options_.is_per_tensor ? block.info.name : "") >= 0;
    at::Tensor out = at::empty_like(block.updates.front());
    if (is_double_) {
      merge_entries<double>(block, thresholds(block), is_plus, options_.takes_mean, &out);
    } else {
      merge_entries<float>(block, thresholds(block), is_plus, options_.takes_mean, &out);
    }
    return out;
  }

  TiesOptions options_;
  BlockChange change_;
  MagnitudeSelection selection_;
  bool is_double_ = false;
  std::map<std::string, int64_t> balance_;
};

}  // namespace

std::shared_ptr<ElementwiseRule> ties_rule(const TiesOptions& options, const BlockChange& change) {
  return std::make_shared<TiesRule>(options, change);
}

}  // namespace isomerge
