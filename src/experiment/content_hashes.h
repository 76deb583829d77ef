// experiment/content_hashes.h -- content hashes of files, remembered between runs.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace isomerge {

// Hashing gigabytes of checkpoints for every start would take longer than most starts do, so hashes
// are kept in a text file by (path, size, modification time, inode): a file that changed is hashed
// anew. One line per file: hash, size, nanoseconds, inode, path.
class ContentHashes {
 public:
  // Reads what is remembered in `memory`; a missing or damaged file means nothing is.
  explicit ContentHashes(std::filesystem::path memory);

  // XXH3-128 of the file's bytes, 32 hexadecimal digits; of a checkpoint folder or index, that of
  // the hashes of the files it stands for. Throws Error as hash_file() and Checkpoint do.
  std::string hash(const std::filesystem::path& path);

  // Writes the memory if something new was learned.
  void save();

 private:
  std::string hash_one(const std::filesystem::path& file);

  std::filesystem::path memory_;
  std::map<std::string, std::string> known_;  // "size nanoseconds inode path" -> hash
  bool changed_ = false;
};

}  // namespace isomerge
