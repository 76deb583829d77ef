// fuzz/memory_file.h -- what all targets share.
#pragma once

#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace isomerge {

// A file that lives in memory only.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    const char* data = bytes.data();
    for (size_t left = bytes.size(); left > 0;) {
      const ssize_t put = ::write(descriptor_, data, left);
      if (put <= 0) throw std::runtime_error("cannot write a file in memory");
      data += put;
      left -= static_cast<size_t>(put);
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

 private:
  int descriptor_;
};

inline void require(bool fact, const char* what) {
  if (!fact) throw std::logic_error(what);
}

}  // namespace isomerge
