// base/file.h -- files: whole texts, positioned reads, read-only maps, atomic writes.
//
// Every function throws Error with the path in the message: kInput if the path is wrong or not
// readable (the user can mend it), kMachine if the disk fails or is full.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace isomerge {

// A file opened for reading at any offset. Thread-compatible: read_at may run in many threads.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  InputFile(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }  // when it was opened

  // Reads exactly `bytes` bytes from `offset`. A file that became shorter is an Error(kInput), an
  // I/O error is Error(kMachine): positioned reads, since a fault under a map would be a signal.
  void read_at(uint64_t offset, void* out, size_t bytes) const;

  // Asks the kernel to fetch these bytes while the program does something else. Only a hint: it
  // returns at once and never fails.
  void will_need(uint64_t offset, uint64_t bytes) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

// A whole file mapped read-only: for headers and packed datasets.
class MappedFile {
 public:
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// A file that appears under its name only when it is complete: written beside it under a temporary
// name, flushed to disk and renamed by commit(). Without commit() nothing remains. An orderly exit
// after a signal removes it too; a SIGKILL may leave a file named ".<name>.<pid>-<random>.part".
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  uint64_t written() const { return written_; }

  // Replaces bytes that were written before. Error(kInternal) if they were not.
  void rewrite(uint64_t offset, std::string_view text);

  // Brings the bytes to the disk under the temporary name, so that commit() of several files that
  // belong together can hardly fail half-way.
  void flush();

  // Flushes, gives the file its name, replacing an older one, and flushes the folder, so that the
  // name survives a power cut. Call once, last.
  void commit();

 private:
  [[noreturn]] void fail(const char* doing) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  uint64_t written_ = 0;
  uint64_t started_ = 0;  // bytes that the disk was asked to write
};

std::string read_text_file(const std::filesystem::path& path);
void write_text_file(const std::filesystem::path& path, std::string_view text);  // atomically

// Creates a folder and its parents if missing, and proves that it can be written to.
void require_writable_folder(const std::filesystem::path& folder);

}  // namespace isomerge
