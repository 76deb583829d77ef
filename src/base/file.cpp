#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

std::string reason(int error) { return std::strerror(error); }

// Not a matter of names and permissions, which the user can mend.
bool is_machine_fault(int error) {
  return error == ENOSPC || error == EDQUOT || error == EIO || error == EMFILE || error == ENFILE ||
         error == ENOMEM;
}

int open_for_reading(const std::filesystem::path& path, uint64_t* size) {
  // O_NONBLOCK: a named pipe is refused below instead of waited for. It changes nothing for files.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    throw Error(is_machine_fault(errno) ? Fault::kMachine : Fault::kInput,
                fmt::format("{}: cannot open: {}", path.string(), reason(errno)));
  }
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    throw input_error(fmt::format("{}: not a regular file", path.string()));
  }
  *size = static_cast<uint64_t>(info.st_size);
  return descriptor;
}

// Makes a new name in the folder last. File systems that cannot do it for folders say EINVAL; a
// folder that may be written to but not be read cannot be opened for it.
void flush_folder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.empty() ? "." : folder;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (is_machine_fault(error)) {
    throw machine_error(fmt::format("{}: the new file's name may not have reached the disk: {}",
                                    path.string(), reason(error)));
  }
}

}  // namespace

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = open_for_reading(path_, &size_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::read_at(uint64_t offset, void* out, size_t bytes) const {
  auto* target = static_cast<std::byte*>(out);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, target, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw machine_error(fmt::format("{}: reading at byte {}: {}", path_.string(),
                                      with_commas(offset), reason(errno)));
    }
    if (got == 0) {
      throw input_error(
          fmt::format("{}: ends at byte {}, expected {} bytes more; did it change "
                      "while it was read?",
                      path_.string(), with_commas(offset), with_commas(bytes)));
    }
    target += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

void InputFile::will_need(uint64_t offset, uint64_t bytes) const {
  if (bytes == 0) return;  // to the kernel 0 means: to the end of the file
  ::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                  POSIX_FADV_WILLNEED);
}

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  uint64_t size = 0;
  const int descriptor = open_for_reading(path_, &size);
  size_ = static_cast<size_t>(size);
  if (size_ > 0) {
    void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      const int error = errno;
      ::close(descriptor);
      throw machine_error(fmt::format("{}: cannot map: {}", path_.string(), reason(error)));
    }
    data_ = static_cast<const std::byte*>(data);
  }
  ::close(descriptor);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  // A random part keeps the temporaries of threads, and of several machines (whose process ids may
  // be equal) in one folder, apart; O_EXCL makes sure of it.
  temporary_ =
      path_.parent_path() / fmt::format(".{}.{}-{:08x}.part", path_.filename().string(),
                                        static_cast<int>(::getpid()), std::random_device()());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    const int error = errno;
    temporary_.clear();
    throw Error(is_machine_fault(error) ? Fault::kMachine : Fault::kInput,
                fmt::format("{}: cannot write: {}", path_.string(), reason(error)));
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* doing) const {
  throw machine_error(fmt::format("{}: {} after {} bytes: {}; nothing was left behind",
                                  path_.string(), doing, with_commas(written_), reason(errno)));
}

void AtomicFile::write(const void* data, size_t bytes) {
  const auto* source = static_cast<const std::byte*>(data);
  while (bytes > 0) {
    const ssize_t put = ::write(descriptor_, source, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("writing failed");
    source += put;
    written_ += static_cast<uint64_t>(put);
    bytes -= static_cast<size_t>(put);
  }
  // Asks the disk to begin, so that the flush at the end finds little left to wait for.
  constexpr uint64_t kAhead = uint64_t{16} << 20;
  if (written_ - started_ < kAhead) return;
  ::sync_file_range(descriptor_, static_cast<off_t>(started_),
                    static_cast<off_t>(written_ - started_), SYNC_FILE_RANGE_WRITE);
  started_ = written_;
}

void AtomicFile::rewrite(uint64_t offset, std::string_view text) {
  if (offset > written_ || text.size() > written_ - offset) {
    throw Error(Fault::kInternal,
                fmt::format("{}: bytes {} to {} are rewritten, but only {} were written; please "
                            "report this",
                            path_.string(), with_commas(offset), with_commas(offset + text.size()),
                            with_commas(written_)));
  }
  while (!text.empty()) {
    const ssize_t put = ::pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("rewriting failed");
    offset += static_cast<uint64_t>(put);
    text.remove_prefix(static_cast<size_t>(put));
  }
}

void AtomicFile::flush() {
  if (::fsync(descriptor_) != 0) fail("flushing to disk failed");
}

void AtomicFile::commit() {
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("closing failed");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renaming failed");
  temporary_.clear();
  flush_folder(path_.parent_path());
}

std::string read_text_file(const std::filesystem::path& path) {
  const InputFile file(path);
  std::string text(file.size(), '\0');
  file.read_at(0, text.data(), text.size());
  return text;
}

void write_text_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void require_writable_folder(const std::filesystem::path& folder) {
  std::error_code error, ignored;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw input_error(fmt::format("{}: cannot create the folder: {}", folder.string(),
                                  error ? error.message() : "a file of that name is in the way"));
  }
  const AtomicFile probe(folder / "write-test");  // removed again by its destructor
}

}  // namespace isomerge
