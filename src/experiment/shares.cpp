#include "experiment/shares.h"

#include <algorithm>

#include "checkpoint/checkpoint.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "merge/method.h"

namespace isomerge {
namespace {

// Floating operations, roughly: only their proportions matter.
class Costs {
 public:
  Costs(const Experiment& experiment, const SplitSize& split_size)
      : experiment_(experiment), split_size_(split_size) {
    const Checkpoint base(experiment.suite.base);
    for (const TensorInfo& info : base.tensors()) {
      const auto entries = static_cast<double>(info.elements());
      entries_ += entries;
      if (info.shape.size() != 2) continue;
      cubes_ += entries * static_cast<double>(std::min(info.shape[0], info.shape[1]));
    }
  }

  double evaluation(const Row& row, const std::string& split) const {
    constexpr double kTokens = 100.0;  // of an image or a text
    double examples = 0.0;
    for (const std::string& task : row.task_set) {
      examples += static_cast<double>(split_size_(task, split));
    }
    return examples * 2.0 * entries_ * kTokens;
  }

  double merge(const Row& row) const {
    if (!require_method_info(row.method).merges) return 0.0;
    const auto tasks = static_cast<double>(row.task_set.size());
    constexpr double kPerCube = 6.0, kPerEntry = 10.0;
    const bool factorises = row.uses_statistics || !needs_lambdas(row);
    return tasks * (entries_ * kPerEntry + (factorises ? cubes_ * kPerCube : 0.0));
  }

 private:
  const Experiment& experiment_;
  const SplitSize& split_size_;
  double entries_ = 0.0, cubes_ = 0.0;
};

}  // namespace

Shares::Shares(const Experiment& experiment, const SplitSize& split_size, int count)
    : count_(count) {
  const Costs costs(experiment, split_size);
  struct Piece {
    std::pair<size_t, size_t> place;
    double cost;
  };
  std::vector<Piece> pieces;
  double total = 0.0;
  for (size_t r = 0; r < experiment.rows.size(); ++r) {
    const Row& row = experiment.rows[r];
    line_length_.push_back(row.line_length);
    lines_.push_back(row.candidates.size() / row.line_length);
    const bool is_searched = row.candidates.size() > 1;
    const double each = is_searched ? costs.evaluation(row, experiment.select.split) *
                                          static_cast<double>(row.line_length)
                                    : costs.evaluation(row, experiment.report_split);
    for (size_t line = 0; line < lines_.back(); ++line) {
      pieces.push_back({{r, line}, each + costs.merge(row)});
      total += pieces.back().cost;
    }
  }
  double before = 0.0;
  for (const Piece& piece : pieces) {
    const double middle = before + piece.cost / 2;
    const auto share = total > 0.0 ? static_cast<int>(middle / total * count) : 0;
    share_[piece.place] = std::min(share, count - 1);
    before += piece.cost;
  }
}

int Shares::of(size_t row, size_t candidate) const {
  const size_t line = std::min(candidate / line_length_.at(row), lines_.at(row) - 1);
  return share_.at({row, line});
}

}  // namespace isomerge
