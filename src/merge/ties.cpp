#include "merge/ties.h"

#include <cmath>
#include <map>
#include <vector>

#include <ATen/ops/empty_like.h>

#include "merge/magnitude_selection.h"

namespace isomerge {
namespace {

// The trimmed entries of one position in the flat update.
template <typename T>
struct Column {
  const std::vector<const T*>& entries;  // per task
  const std::vector<double>& thresholds;

  double trimmed(size_t task, int64_t i) const {
    const auto x = static_cast<double>(entries[task][i]);
    return std::abs(x) >= thresholds[task] ? x : 0.0;
  }

  double sum(int64_t i) const {
    double sum = 0.0;
    for (size_t t = 0; t < entries.size(); ++t) sum += trimmed(t, i);
    return sum;
  }
};

template <typename T>
std::vector<const T*> pointers(const Block& block) {
  std::vector<const T*> out;
  for (const at::Tensor& update : block.updates) out.push_back(update.const_data_ptr<T>());
  return out;
}

template <typename T>
int64_t count_signs(const Block& block, const std::vector<double>& thresholds) {
  const std::vector<const T*> entries = pointers<T>(block);
  const Column<T> column{entries, thresholds};
  int64_t balance = 0;
  for (int64_t i = 0; i < block.size(); ++i) {
    const double sum = column.sum(i);
    balance += (sum > 0.0) - (sum < 0.0);
  }
  return balance;
}

template <typename T>
void merge_entries(const Block& block, const std::vector<double>& thresholds, bool majority_is_plus,
                   bool takes_mean, at::Tensor* out) {
  const std::vector<const T*> entries = pointers<T>(block);
  const Column<T> column{entries, thresholds};
  T* const merged = out->mutable_data_ptr<T>();
  for (int64_t i = 0; i < block.size(); ++i) {
    const double sum = column.sum(i);
    const bool is_plus = sum != 0.0 ? sum > 0.0 : majority_is_plus;
    double agreeing = 0.0;
    int count = 0;
    for (size_t t = 0; t < entries.size(); ++t) {
      const double x = column.trimmed(t, i);
      if (x == 0.0 || (x > 0.0) != is_plus) continue;
      agreeing += x;
      ++count;
    }
    merged[i] = static_cast<T>(takes_mean && count > 1 ? agreeing / count : agreeing);
  }
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
