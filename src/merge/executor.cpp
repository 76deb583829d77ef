#include "merge/executor.h"

#include <algorithm>
#include <mutex>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/text.h"
#include "task/entries.h"
#include "task/named_work.h"

namespace isomerge {
namespace {

Factors factors_on(std::vector<Update> updates, FactorSource source, c10::Device device) {
  if (!device.is_cpu()) {
    for (Update& update : updates) update = Update(update.dense().to(device));
    source = {};  // stored factors live on the CPU
  }
  return Factors(std::move(updates), std::move(source));
}

Block block_of(const Updates& updates, const Piece& piece, std::vector<Update> loaded) {
  const int64_t row_entries = piece.rows == 0 ? 0 : piece.entries() / piece.rows;
  Block block{piece.info, updates.tasks(), piece.first * row_entries, {}};
  for (const Update& update : loaded) block.updates.push_back(update.dense().view({-1}));
  return block;
}

struct Produced {
  at::Tensor base, update;
  Findings findings;
  bool has_update = false;
  std::vector<std::string> hashes;
};

class Executor {
 public:
  Executor(const Updates& updates, const Rules& rules, const MergeSettings& settings)
      : updates_(updates),
        rules_(rules),
        settings_(settings),
        pieces_(cut_into_pieces(updates, rules, settings.roles, settings.threads)),
        admission_(admission()) {}

  MergeSummary run(const std::function<void(const MergedPiece&)>& sink) {
    rules_.other->prepare(updates_.tasks(), settings_.dtype);
    const int scans = rules_.other->scans();
    uint64_t total = 0;
    for (const Piece& piece : pieces_) total += bytes_of(piece);
    Progress progress("merging", total * static_cast<uint64_t>(scans + 1));
    for (int scan = 0; scan < scans; ++scan) run_scan(scan, &progress);
    SummaryBuilder summary(updates_.tasks());
    for_each_piece([&](const Piece& piece) { return merge_piece(piece); },
                   [&](const Piece& piece, Produced produced) {
                     summary.add(piece, produced.has_update, produced.findings, produced.hashes);
                     sink({piece, produced.base, produced.update});
                     report(piece, &progress);
                   });
    return summary.finish();
  }

 private:
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
    return static_cast<uint64_t>(piece.entries()) * 2 * c10::elementSize(settings_.dtype);
  }

  uint64_t memory(const Piece& piece) const {
    return memory_of(piece, rules_, static_cast<int64_t>(updates_.tasks().size()), settings_.dtype);
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
    if (piece.role == Role::kCopied) {
      updates_.require_equal(piece.info.name);
      out.base = updates_.base().read(piece.info.name);
      return out;
    }
    Updates::Loaded loaded =
        updates_.load_rows(piece.info.name, piece.first, piece.rows, settings_.dtype,
                           {.hashes = true, .check = !is_scanned(piece)});
    out.hashes = std::move(loaded.hashes);
    out.base = std::move(loaded.base);
    out.has_update = std::any_of(loaded.updates.begin(), loaded.updates.end(),
                                 [](const Update& update) { return !all_zero(update.dense()); });
    if (piece.role == Role::kExcluded || !out.has_update) {
      out.update = at::zeros_like(out.base);
    } else if (is_for_matrix_rule(piece, rules_)) {
      Merged merged =
          rules_.matrix(factors_on(std::move(loaded.updates),
                                   factor_source(settings_.cache, out.hashes), settings_.device),
                        {piece.info, piece.first, out.base});
      out.update = merged.update.to(c10::kCPU);
      out.findings = merged.findings;
    } else {
      const Block block = block_of(updates_, piece, std::move(loaded.updates));
      out.update = rules_.other->merge(block).view(out.base.sizes());
    }
    return out;
  }

  // Whether scans see this piece, and thus have checked it.
  bool is_scanned(const Piece& piece) const {
    return rules_.other->scans() > 0 && piece.role != Role::kCopied &&
           piece.role != Role::kExcluded;
  }

  // One pass of the element-wise rule over all entries that are merged. Threads borrow states, so
  // there are never more of them than threads.
  void run_scan(int scan, Progress* progress) {
    std::mutex mutex;
    std::vector<std::unique_ptr<ScanState>> idle;
    for_each_piece(
        [&](const Piece& piece) {
          if (!is_scanned(piece)) return true;
          std::unique_ptr<ScanState> state;
          {
            const std::lock_guard lock(mutex);
            if (!idle.empty()) state = std::move(idle.back()), idle.pop_back();
          }
          if (!state) state = rules_.other->start_scan(scan);
          Updates::Loaded loaded =
              updates_.load_rows(piece.info.name, piece.first, piece.rows, settings_.dtype,
                                 {.hashes = false, .check = scan == 0});
          state->fold(block_of(updates_, piece, std::move(loaded.updates)));
          const std::lock_guard lock(mutex);
          idle.push_back(std::move(state));
          return true;
        },
        [&](const Piece& piece, bool) { report(piece, progress); });
    std::unique_ptr<ScanState> total = rules_.other->start_scan(scan);
    for (const auto& state : idle) total->absorb(*state);
    rules_.other->finish_scan(scan, *total);
  }

  static constexpr uint64_t kSmallPieces = uint64_t{64} << 20;
  static constexpr size_t kWindow = 256;

  const Updates& updates_;
  const Rules& rules_;
  const MergeSettings& settings_;
  std::vector<Piece> pieces_;
  Admission admission_;
};

}  // namespace

MergeSummary merge_updates(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(const MergedPiece&)>& sink) {
  settings.roles.require_matches(updates.tensors());
  return Executor(updates, rules, settings).run(sink);
}

MergeSummary merge_tensors(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(MergedTensor)>& sink) {
  MergedTensor whole;
  return merge_updates(updates, rules, settings, [&](const MergedPiece& part) {
    const Piece& piece = part.piece;
    if (piece.is_whole()) {
      return sink({piece.info, piece.role, part.base, part.update});
    }
    if (piece.is_first()) {
      whole = {piece.info, piece.role, at::empty(piece.info.shape, part.base.options()),
               at::empty(piece.info.shape, part.base.options())};
    }
    whole.base.narrow(0, piece.first, piece.rows).copy_(part.base);
    whole.update.narrow(0, piece.first, piece.rows).copy_(part.update);
    if (piece.first + piece.rows == row_count(piece.info)) sink(std::move(whole));
  });
}

}  // namespace isomerge
