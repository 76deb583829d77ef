#include "experiment/content_hashes.h"

#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "task/expert_file.h"

namespace isomerge {
namespace {

constexpr size_t kHashDigits = 32;

std::string identity_of(const std::filesystem::path& file) {
  struct stat info {};
  const std::string path = std::filesystem::absolute(file).string();
  if (::stat(path.c_str(), &info) != 0) return "";
  return fmt::format("{} {}{:09} {} {}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                     info.st_ino, path);
}

}  // namespace

ContentHashes::ContentHashes(std::filesystem::path memory) : memory_(std::move(memory)) {
  if (!std::filesystem::is_regular_file(memory_)) return;
  std::istringstream lines(read_text_file(memory_));
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > kHashDigits + 1 && line[kHashDigits] == ' ') {
      known_[line.substr(kHashDigits + 1)] = line.substr(0, kHashDigits);
    }
  }
}

std::string ContentHashes::hash(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path) && !path.string().ends_with(".index.json")) {
    return hash_one(path);
  }
  std::vector<std::string> hashes;
  for (const auto& file : expert_files(path)) hashes.push_back(hash_one(file));
  return hash_of_files(hashes);
}

std::string ContentHashes::hash_one(const std::filesystem::path& file) {
  const std::string identity = identity_of(file);
  const auto found = known_.find(identity);
  if (found != known_.end()) return found->second;
  const std::string hash = hash_file(file);
  known_[identity] = hash;
  changed_ = true;
  return hash;
}

void ContentHashes::save() {
  if (!changed_) return;
  std::string text;
  for (const auto& [identity, hash] : known_) text += fmt::format("{} {}\n", hash, identity);
  write_text_file(memory_, text);
  changed_ = false;
}

}  // namespace isomerge
