#include "fuzz/limits.h"

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include <c10/core/CPUAllocator.h>
#include <malloc.h>
#include <sys/time.h>
#include <unistd.h>

namespace isomerge {
namespace {

std::atomic<bool> counting = false;
std::atomic<int64_t> live = 0;
void (*report_excess)(const char*) = nullptr;
std::clock_t started = 0;

void count(int64_t bytes) {
  if (!counting) return;
  if ((live += bytes) <= static_cast<int64_t>(kMaxAllocated)) return;
  counting = false;
  report_excess("allocates more than 256 MiB");
  ::_exit(1);
}

// LibTorch's own allocator, watched.
class WatchedAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    count(static_cast<int64_t>(bytes));  // tensors are read one at a time
    c10::DataPtr data = real_->allocate(bytes);
    if (counting) live -= static_cast<int64_t>(bytes);
    return data;
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    real_->copy_data(to, from, bytes);
  }

 private:
  c10::Allocator* real_ = c10::GetCPUAllocator();
};

void set_alarm(time_t seconds) {
  const itimerval timer{{0, 0}, {seconds, 0}};
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

}  // namespace

void start_limits(void (*report)(const char* what)) {
  static WatchedAllocator* const watched = [] {
    auto* allocator = new WatchedAllocator;
    c10::SetCPUAllocator(allocator, /*priority=*/255);
    return allocator;
  }();
  static_cast<void>(watched);
  report_excess = report;
  live = 0;
  set_alarm(static_cast<time_t>(3 * kMaxSeconds));
  started = std::clock();
  counting = true;
}

double stop_limits() {
  counting = false;
  set_alarm(0);
  return static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC;
}

}  // namespace isomerge

// Every new of the process, the libraries' included, and in each form: the sanitizer has its own of
// those that are left out, and takes the pair for a mistake.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  void* data = std::malloc(bytes == 0 ? 1 : bytes);
  if (data != nullptr) isomerge::count(static_cast<int64_t>(::malloc_usable_size(data)));
  return data;
}
void* operator new(size_t bytes) {
  void* data = operator new(bytes, std::nothrow);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void operator delete(void* data) noexcept {
  if (isomerge::counting) isomerge::live -= static_cast<int64_t>(::malloc_usable_size(data));
  std::free(data);
}
void operator delete(void* data, size_t) noexcept { operator delete(data); }
void operator delete(void* data, const std::nothrow_t&) noexcept { operator delete(data); }
void operator delete[](void* data) noexcept { operator delete(data); }
void operator delete[](void* data, size_t) noexcept { operator delete(data); }
void operator delete[](void* data, const std::nothrow_t&) noexcept { operator delete(data); }
