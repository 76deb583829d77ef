// subsets_bench.cpp FOLDER: TSV-M of the first 8, the first 14 and all 20 tasks in one pass.
//
// FOLDER holds what make_experts.py writes for 20 tasks. Times, on two threads: all 20 alone; the
// three together; and what 8 and 14 need for themselves, which is a merge whose triplets are in a
// cache, less the same reading by weight averaging: polar factors, products, and reading the
// cache. The updates of the three are those of merges one by one (relative 1e-5). Fails where the
// pass takes more than 1.15 times the first plus the last.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <vector>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "config/method_info.h"
#include "factor/factor_cache.h"
#include "merge/executor.h"
#include "merge/method.h"

namespace isomerge {
namespace {

constexpr double kBar = 1.15;
const std::vector<size_t> kSets = {8, 14, 20};

class Bench {
 public:
  explicit Bench(const std::filesystem::path& folder)
      : scratch_(folder / "subsets_cache"),
        updates_(folder / "base.safetensors", experts(folder)) {}

  int run() {
    merge("average", {20}, nullptr);  // fills the page cache
    const double alone = merge("tsv_m", {20}, nullptr);
    const std::vector<double> alone_norms = norms_;
    const double together = merge("tsv_m", kSets, nullptr);
    const std::vector<double> norms = norms_;
    double own = 0.0;
    std::filesystem::remove_all(scratch_);
    FactorCache cache(scratch_);
    for (const size_t tasks : {size_t{8}, size_t{14}}) {
      merge("tsv_m", {tasks}, &cache);
      const double warm = merge("tsv_m", {tasks}, &cache);
      own += std::max(0.0, warm - merge("average", {tasks}, nullptr));
    }
    std::filesystem::remove_all(scratch_);
    if (std::abs(norms.back() / alone_norms.back() - 1.0) > 1e-5) {
      fmt::print("20 tasks together: norm {}, alone {}\n", norms.back(), alone_norms.back());
      return 1;
    }
    const double bound = kBar * alone + own;
    fmt::print(
        "TSV-M of 8, 14 and 20 tasks: 20 alone {:.2f} s, all three in one pass {:.2f} s, what 8 "
        "and "
        "14 need for themselves {:.2f} s; {:.2f} x 20 alone + that = {:.2f} s: {}\n",
        alone, together, own, kBar, bound, together <= bound ? "kept" : "NOT kept");
    return together <= bound ? 0 : 1;
  }

 private:
  static std::vector<Expert> experts(const std::filesystem::path& folder) {
    std::vector<Expert> out;
    for (int t = 0; t < 20; ++t) {
      out.push_back({fmt::format("t{}", t), folder / fmt::format("expert_{}.safetensors", t)});
    }
    return out;
  }

  // Seconds; norms_ has the Frobenius norm of each merged update.
  double merge(const std::string& method, const std::vector<size_t>& sets, FactorCache* cache) {
    const Options options = resolve_options(require_method_info(method), {});
    std::vector<MergePoint> points;
    for (const size_t tasks : sets) {
      MergePoint point{require_method(method).rules(options), std::vector<size_t>(tasks)};
      std::iota(point.tasks.begin(), point.tasks.end(), size_t{0});
      points.push_back(std::move(point));
    }
    MergeSettings settings;
    settings.threads = 2;
    settings.cache = cache;
    norms_.assign(sets.size(), 0.0);
    const auto start = std::chrono::steady_clock::now();
    merge_points(updates_, points, settings, [&](size_t p, const MergedPiece& piece) {
      if (piece.update.defined()) norms_[p] += piece.update.square().sum().item<double>();
    });
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    return elapsed.count();
  }

  const std::filesystem::path scratch_;
  const Updates updates_;
  std::vector<double> norms_;  // squared
};

}  // namespace
}  // namespace isomerge

int main(int count, char** words) {
  if (count != 2) return 2;
  return isomerge::Bench(words[1]).run();
}
