#include "merge/executor.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/text.h"
#include "factor/factor_memory.h"
#include "merge/matrix_work.h"
#include "merge/scan_pass.h"
#include "task/entries.h"
#include "task/named_work.h"

namespace isomerge {
namespace {

template <typename Item>
std::vector<Item> chosen(const std::vector<Item>& items, const std::vector<size_t>& which) {
  std::vector<Item> out;
  for (const size_t i : which) out.push_back(items[i]);
  return out;
}

// The base's hash and those of the tasks' experts; nothing if nothing was hashed.
std::vector<std::string> chosen_hashes(const std::vector<std::string>& hashes,
                                       const std::vector<size_t>& tasks) {
  if (hashes.empty()) return {};
  std::vector<std::string> out = {hashes.front()};
  for (const size_t t : tasks) out.push_back(hashes[t + 1]);
  return out;
}

// Fewest tasks first: of all merges, they ask most of what is kept of each task. Of the same tasks
// the smallest common space first: what is kept of it is a part of that of the next one.
std::vector<size_t> order_of(const Piece& piece, const std::vector<MergePoint>& points) {
  std::vector<std::pair<size_t, int64_t>> asks;
  for (const MergePoint& point : points) {
    const bool is_matrix = is_for_matrix_rule(piece, point.rules);
    asks.emplace_back(point.tasks.size(), is_matrix ? cost_of(piece, point).common : 0);
  }
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return asks[a] < asks[b]; });
  return order;
}

bool changes_nothing(const Update& update) {
  if (!update.is_low_rank()) return all_zero(update.dense());
  return all_zero(update.factors().a.contiguous()) || all_zero(update.factors().b.contiguous());
}

struct PointResult {
  at::Tensor update;
  LowRank factors;
  Findings findings;
  bool has_update = false;
  int64_t shared = 0;  // factors
};

struct Produced {
  at::Tensor base;
  std::vector<PointResult> points;
  std::vector<std::string> hashes;
};

class Executor {
 public:
  Executor(const Updates& updates, const std::vector<MergePoint>& points,
           const MergeSettings& settings)
      : updates_(updates),
        points_(points),
        settings_(settings),
        pieces_(cut_into_pieces(updates, points, settings.roles, settings.threads)),
        admission_(admission()) {
    for (const MergePoint& point : points) names_.push_back(chosen(updates.tasks(), point.tasks));
  }

  std::vector<MergeSummary> run(const std::function<void(size_t, const MergedPiece&)>& sink) {
    for (size_t p = 0; p < points_.size(); ++p) prepare(points_[p].rules, names_[p]);
    const int scans = most_scans(points_);
    uint64_t total = 0;
    for (const Piece& piece : pieces_) total += bytes_of(piece);
    Progress progress("merging", total * static_cast<uint64_t>(scans + 1));
    for (int scan = 0; scan < scans; ++scan) run_scan(scan, &progress);
    std::vector<SummaryBuilder> summaries;
    for (const auto& names : names_) summaries.emplace_back(names);
    for_each_piece([&](const Piece& piece) { return merge_piece(piece); },
                   [&](const Piece& piece, Produced produced) {
                     for (size_t p = 0; p < points_.size(); ++p) {
                       const PointResult& merged = produced.points[p];
                       summaries[p].add({piece, merged.has_update, merged.findings, merged.shared},
                                        chosen_hashes(produced.hashes, points_[p].tasks));
                       sink(p, {piece, produced.base, merged.update, merged.factors});
                     }
                     report(piece, &progress);
                   });
    std::vector<MergeSummary> out;
    for (SummaryBuilder& summary : summaries) out.push_back(summary.finish());
    return out;
  }

 private:
  void prepare(const Rules& rules, const std::vector<std::string>& names) const {
    rules.other->prepare(names, settings_.dtype);
    if (rules.in_coordinates) rules.in_coordinates->prepare(names, settings_.dtype);
  }

  uint64_t bytes_of(const Piece& piece) const {
    const int64_t rows = row_count(piece.info);
    const uint64_t all = updates_.bytes(piece.info.name);
    return rows == 0 ? 0 : all / static_cast<uint64_t>(rows) * static_cast<uint64_t>(piece.rows);
  }

  void report(const Piece& piece, Progress* progress) const {
    progress->add(bytes_of(piece), piece.info.name);
  }

  // Without a bound by the person, as many of the largest pieces at once as there are threads; the
  // small ones between them do not count for much, so they must not keep a thread waiting.
  Admission admission() const {
    uint64_t largest = 0;
    const Piece* at = nullptr;
    for (const Piece& piece : pieces_) {
      if (memory(piece) >= largest) largest = memory(piece), at = &piece;
    }
    Admission bound{[this](size_t i) { return memory(pieces_[i]); },
                    [this](size_t i) { return result_memory(pieces_[i]); },
                    largest * static_cast<uint64_t>(settings_.threads) + kSmallPieces, kWindow};
    if (settings_.max_memory == 0) return bound;
    const uint64_t present = resident_memory() + kProgramOverhead;
    if (at != nullptr && present + largest > settings_.max_memory) {
      throw input_error(fmt::format(
          "--max-memory {} is not enough: {} {} with {} tasks needs {} beside the {} that the "
          "program itself takes",
          human_bytes(settings_.max_memory), at->info.name, shape_text(at->info.shape),
          updates_.tasks().size(), human_bytes(largest), human_bytes(present)));
    }
    bound.limit = std::min(bound.limit, settings_.max_memory - present);
    return bound;
  }

  uint64_t result_memory(const Piece& piece) const {
    return result_memory_of(piece, points_.size(), settings_.dtype);
  }

  uint64_t memory(const Piece& piece) const {
    return memory_of(piece, points_, static_cast<int64_t>(updates_.tasks().size()),
                     settings_.dtype);
  }

  template <typename Compute, typename Consume>
  void for_each_piece(const Compute& compute, const Consume& consume) {
    using Result = decltype(compute(pieces_.front()));
    ordered_parallel(
        pieces_.size(), settings_.threads,
        [&](size_t i) -> Result {
          const size_t ahead = i + static_cast<size_t>(settings_.threads);
          if (ahead < pieces_.size() && pieces_[ahead].is_first()) {
            updates_.will_need(pieces_[ahead].info.name);
          }
          return named_work(pieces_[i].info.name, [&] { return compute(pieces_[i]); });
        },
        [&](size_t i, Result result) { consume(pieces_[i], std::move(result)); }, admission_);
  }

  Produced merge_piece(const Piece& piece) const {
    Produced out;
    out.points.resize(points_.size());
    if (piece.role == Role::kCopied) {
      updates_.require_equal(piece.info.name);
      out.base = updates_.base().read(piece.info.name);
      return out;
    }
    Updates::Loaded loaded = updates_.load_rows(
        piece.info.name, piece.first, piece.rows, settings_.dtype,
        {.hashes = true, .check = !is_scanned(piece), .low_rank = goes_without_dense(piece)});
    out.hashes = std::move(loaded.hashes);
    out.base = std::move(loaded.base);
    std::vector<bool> is_zero;
    for (const Update& update : loaded.updates) is_zero.push_back(changes_nothing(update));
    FactorMemory memory(settings_.cache);
    size_t left = points_.size();
    for (const size_t p : order_of(piece, points_)) {
      const MergePoint& point = points_[p];
      PointResult& result = out.points[p];
      result.has_update = std::any_of(point.tasks.begin(), point.tasks.end(),
                                      [&](size_t t) { return !is_zero[t]; });
      std::vector<Update> updates = chosen(loaded.updates, point.tasks);
      if (--left == 0) loaded.updates.clear();  // so that the last rule frees what it has used
      if (piece.role == Role::kExcluded || !result.has_update) {
        result.update = at::zeros_like(out.base);
      } else if (is_for_matrix_rule(piece, point.rules)) {
        const int64_t before = memory.shared();
        merge_matrix_piece(piece, out, p, std::move(updates), &memory);
        result.shared = memory.shared() - before;
      } else {
        const Block block = block_of(piece, names_[p], updates);
        result.update = point.rules.other->merge(block).view(out.base.sizes());
      }
    }
    return out;
  }

  // Whether all points can do with the factors of adapters.
  bool goes_without_dense(const Piece& piece) const {
    return std::all_of(points_.begin(), points_.end(), [&](const MergePoint& point) {
      return is_for_matrix_rule(piece, point.rules) && point.rules.takes_low_rank();
    });
  }

  // Factors are shared through `memory` where several points ask for them, on the CPU.
  void merge_matrix_piece(const Piece& piece, Produced& out, size_t p, std::vector<Update> updates,
                          FactorMemory* memory) const {
    FactorStore* store = settings_.cache;
    if (points_.size() > 1) store = memory;
    FactorSource source;
    if (settings_.device.is_cpu()) {
      source = factor_source(store, chosen_hashes(out.hashes, points_[p].tasks));
      if (settings_.cache == nullptr) source.least_common = least_common(piece, points_);
    }
    Merged merged =
        merge_matrix(work_of(piece, p), std::move(updates), out.base, std::move(source));
    out.points[p].update = std::move(merged.update);
    out.points[p].factors = std::move(merged.factors);
    out.points[p].findings = merged.findings;
  }

  MatrixWork work_of(const Piece& piece, size_t p) const {
    return {piece, points_[p].rules, names_[p], settings_.dtype, settings_.device};
  }

  static Block block_of(const Piece& piece, const std::vector<std::string>& names,
                        const std::vector<Update>& updates) {
    const int64_t row_entries = piece.rows == 0 ? 0 : piece.entries() / piece.rows;
    Block block{piece.info, names, piece.first * row_entries, {}};
    for (const Update& update : updates) block.updates.push_back(update.dense().view({-1}));
    return block;
  }

  // Whether scans see this piece, and thus have checked it.
  bool is_scanned(const Piece& piece) const {
    return most_scans(points_) > 0 && piece.role != Role::kCopied && piece.role != Role::kExcluded;
  }

  // One pass of the element-wise rules over all entries that are merged.
  void run_scan(int scan, Progress* progress) {
    ScanPass pass(points_, scan);
    for_each_piece(
        [&](const Piece& piece) {
          if (!is_scanned(piece)) return true;
          const Updates::Loaded loaded = updates_.load_rows(
              piece.info.name, piece.first, piece.rows, settings_.dtype,
              {.hashes = false, .check = scan == 0, .low_rank = goes_without_dense(piece)});
          std::deque<CoordinateBlock> coordinates;  // while their blocks are looked at
          pass.fold([&](size_t p) -> std::optional<Block> {
            const auto updates = chosen(loaded.updates, points_[p].tasks);
            if (!points_[p].rules.coordinates) return block_of(piece, names_[p], updates);
            if (!is_for_matrix_rule(piece, points_[p].rules)) return {};
            const MatrixWork work = work_of(piece, p);
            return coordinates.emplace_back(work, updates).block();
          });
          return true;
        },
        [&](const Piece& piece, bool) { report(piece, progress); });
    pass.finish();
  }

  static constexpr uint64_t kSmallPieces = uint64_t{64} << 20;
  static constexpr size_t kWindow = 256;

  const Updates& updates_;
  const std::vector<MergePoint>& points_;
  std::vector<std::vector<std::string>> names_;  // of each point's tasks
  const MergeSettings& settings_;
  std::vector<Piece> pieces_;
  Admission admission_;
};

}  // namespace

MergePoint point_of_all(Rules rules, const Updates& updates) {
  MergePoint point{std::move(rules), std::vector<size_t>(updates.tasks().size())};
  std::iota(point.tasks.begin(), point.tasks.end(), size_t{0});
  return point;
}

std::vector<MergeSummary> merge_points(
    const Updates& updates, const std::vector<MergePoint>& points, const MergeSettings& settings,
    const std::function<void(size_t, const MergedPiece&)>& sink) {
  settings.roles.require_matches(updates.tensors());
  return Executor(updates, points, settings).run(sink);
}

std::vector<MergeSummary> merge_tensors(const Updates& updates,
                                        const std::vector<MergePoint>& points,
                                        const MergeSettings& settings,
                                        const std::function<void(size_t, MergedTensor)>& sink) {
  std::vector<MergedTensor> open(points.size());
  return merge_points(updates, points, settings, [&](size_t point, const MergedPiece& part) {
    const Piece& piece = part.piece;
    if (piece.is_whole()) {
      return sink(point, {piece.info, piece.role, part.base, part.update});
    }
    MergedTensor& whole = open[point];
    if (piece.is_first()) {
      whole = {piece.info, piece.role, at::empty(piece.info.shape, part.base.options()),
               at::empty(piece.info.shape, part.base.options())};
    }
    whole.base.narrow(0, piece.first, piece.rows).copy_(part.base);
    whole.update.narrow(0, piece.first, piece.rows).copy_(part.update);
    if (piece.first + piece.rows == row_count(piece.info)) sink(point, std::move(whole));
  });
}

MergeSummary merge_tensors(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(MergedTensor)>& sink) {
  return merge_tensors(updates, {point_of_all(rules, updates)}, settings,
                       [&](size_t, MergedTensor tensor) { sink(std::move(tensor)); })
      .front();
}

}  // namespace isomerge
