// faults/faults.cpp -- preloaded into the real program: makes calls of the operating system fail.
//
// FAULT=alloc|read|write says which: allocations of 64 KiB and more; reads at an offset of 4 KiB
// and more, which are those of tensors and images; writes to files. The calls number FAULT_AT to
// FAULT_AT + FAULT_COUNT - 1, counted from 1, fail with ENOMEM, EIO, ENOSPC. FAULT=stop fails none:
// the process stops before such a write until somebody sends SIGCONT. When the process ends, the
// number of calls goes to the file FAULT_LOG.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

std::atomic<long> calls{0};

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool fails(std::string_view kind) {
  static const std::string_view asked = variable("FAULT");
  static const long first = std::atol(variable("FAULT_AT").data());
  static const long count = std::atol(variable("FAULT_COUNT").data());
  if (kind != asked) return false;
  const long number = ++calls;
  return number >= first && number < first + count;
}

struct AtExit {
  ~AtExit() {
    if (variable("FAULT_LOG").empty()) return;
    std::FILE* log = std::fopen(variable("FAULT_LOG").data(), "w");
    if (log == nullptr) return;
    std::fprintf(log, "%ld\n", calls.load());
    std::fclose(log);
  }
} at_exit;

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  static const auto next = real<int (*)(void**, size_t, size_t)>("posix_memalign");
  if (bytes >= 65536 && fails("alloc")) return ENOMEM;
  return next(out, alignment, bytes);
}

ssize_t pread(int file, void* out, size_t bytes, off_t offset) {
  static const auto next = real<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  if (offset >= 4096 && fails("read")) {
    errno = EIO;
    return -1;
  }
  return next(file, out, bytes, offset);
}

ssize_t write(int file, const void* data, size_t bytes) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  struct stat status {};
  if (file > 2 && ::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    if (fails("stop")) std::raise(SIGSTOP);
    if (fails("write")) {
      errno = ENOSPC;
      return -1;
    }
  }
  return next(file, data, bytes);
}
}
