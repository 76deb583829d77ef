#include "dataset/batch_loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

void require_usable(int64_t batch_size, int64_t ahead) {
  if (batch_size < 1 || ahead < 1) {
    throw input_error(
        fmt::format("expected a batch size and a number of prepared batches of at "
                    "least 1, got {} and {}",
                    batch_size, ahead));
  }
}

// Examples [begin, end) of the pack.
Batch read_range(const ExampleReader& reader, int64_t begin, int64_t end) {
  std::vector<Example> examples;
  for (int64_t i = begin; i < end; ++i) examples.push_back({i});
  return reader.read(examples);
}

}  // namespace

struct BatchLoader::State {
  State(const Pack& pack, const Split& range, const Normalisation& normalisation, int64_t size,
        int64_t room)
      : reader(pack, normalisation),
        split(range),
        batch_size(size),
        ahead(static_cast<size_t>(room)) {}

  const ExampleReader reader;
  const Split split;
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
      Batch batch = read_range(reader, begin, begin + std::min(batch_size, left));
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
          machine_error(fmt::format("{}: reading split {}: {}", reader.pack().path().string(),
                                    split.name, reason.substr(0, reason.find('\n')))));
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
  require_usable(batch_size, ahead);
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
