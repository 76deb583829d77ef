#include "dataset/batch_loader.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

// The normalised value of every byte, per colour: as exact as computing it, and several times
// faster.
using Table = std::array<std::array<float, 256>, 3>;

Table normalised_values(const Normalisation& normalisation) {
  Table table;
  for (size_t c = 0; c < table.size(); ++c) {
    const auto mean = static_cast<float>(normalisation.mean[c]);
    const auto deviation = static_cast<float>(normalisation.std[c]);
    for (size_t value = 0; value < table[c].size(); ++value) {
      table[c][value] = (static_cast<float>(value) / 255.0f - mean) / deviation;
    }
  }
  return table;
}

void require_usable(const Normalisation& normalisation, int64_t batch_size, int64_t ahead) {
  for (size_t c = 0; c < normalisation.mean.size(); ++c) {
    const auto mean = static_cast<float>(normalisation.mean[c]);
    const auto deviation = static_cast<float>(normalisation.std[c]);
    if (!(std::isfinite(mean) && std::isfinite(deviation) && deviation > 0.0f)) {
      throw input_error(
          fmt::format("normalisation of channel {}: expected a finite mean and a "
                      "standard deviation above 0, got {} and {}",
                      c, mean, deviation));
    }
  }
  if (batch_size < 1 || ahead < 1) {
    throw input_error(
        fmt::format("expected a batch size and a number of prepared batches of at "
                    "least 1, got {} and {}",
                    batch_size, ahead));
  }
}

// Examples [begin, end) of the pack.
Batch read_batch(const Pack& pack, const Table& table, int64_t begin, int64_t end) {
  Batch batch;
  batch.images = at::empty({end - begin, 3, pack.height(), pack.width()}, at::kFloat);
  float* out = batch.images.mutable_data_ptr<float>();
  const auto plane = static_cast<size_t>(pack.height() * pack.width());
  for (int64_t i = begin; i < end; ++i) {
    const auto image = pack.image(i);
    for (size_t c = 0; c < table.size(); ++c) {
      const auto pixels = image.subspan(pack.channels() == 1 ? 0 : c * plane, plane);
      out = std::transform(pixels.begin(), pixels.end(), out,
                           [&values = table[c]](uint8_t pixel) { return values[pixel]; });
    }
    batch.labels.push_back(pack.label(i));
  }
  return batch;
}

}  // namespace

struct BatchLoader::State {
  State(const Pack& from, const Split& range, const Normalisation& normalisation, int64_t size,
        int64_t room)
      : pack(from),
        split(range),
        table(normalised_values(normalisation)),
        batch_size(size),
        ahead(static_cast<size_t>(room)) {}

  const Pack& pack;
  const Split split;
  const Table table;
  const int64_t batch_size;
  const size_t ahead;

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::deque<Batch> ready;
  std::exception_ptr error;
  bool finished = false;  // no more batches will become ready
  bool stopping = false;  // nobody wants more

  std::thread thread;

  // False when nobody wants more.
  bool wait_for_room() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stopping || ready.size() < ahead; });
    return !stopping;
  }

  void prepare_all() {
    int64_t first = 0;
    while (wait_for_room()) {
      const int64_t left = split.size() - first, begin = split.begin + first;
      Batch batch = read_batch(pack, table, begin, begin + std::min(batch_size, left));
      batch.first = first;
      const std::lock_guard lock(mutex);
      ready.push_back(std::move(batch));
      changed.notify_all();
      if (left <= batch_size) return;  // before the sum below could overflow
      first += batch_size;
    }
  }

  // The thread: whatever goes wrong is kept for next().
  void run() {
    std::exception_ptr failure;
    try {
      prepare_all();
    } catch (const c10::Error& e) {  // the allocator of tensors
      const std::string reason = e.what_without_backtrace();
      failure = std::make_exception_ptr(
          machine_error(fmt::format("{}: reading split {}: {}", pack.path().string(), split.name,
                                    reason.substr(0, reason.find('\n')))));
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    error = failure;
    finished = true;
    changed.notify_all();
  }
};

BatchLoader::BatchLoader(const Pack& pack, const std::string& split,
                         const Normalisation& normalisation, int64_t batch_size, int64_t ahead) {
  require_usable(normalisation, batch_size, ahead);
  state_ =
      std::make_unique<State>(pack, pack.require_split(split), normalisation, batch_size, ahead);
  state_->thread = std::thread(&State::run, state_.get());
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

std::optional<Batch> BatchLoader::next() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->ready.empty() || state_->finished; });
  if (state_->ready.empty()) {
    if (state_->error) std::rethrow_exception(state_->error);
    return std::nullopt;
  }
  std::optional<Batch> batch = std::move(state_->ready.front());
  state_->ready.pop_front();
  state_->changed.notify_all();
  return batch;
}

}  // namespace isomerge
