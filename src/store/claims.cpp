#include "store/claims.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDeaths = 2;  // after which nobody else is sent

// Claims of one unit are "<unit>.1", "<unit>.2", ...: whoever takes over from a dead holder makes
// the next one, so that of several that try only one succeeds. The last one counts.
struct Generation {
  int64_t number = 0;
  fs::path file;
};

std::vector<Generation> generations_of(const fs::path& folder, const std::string& unit) {
  std::vector<Generation> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() <= unit.size() + 1 || name.compare(0, unit.size() + 1, unit + ".") != 0) {
      continue;
    }
    const auto number = parse_number(name.substr(unit.size() + 1));
    if (number) found.push_back({static_cast<int64_t>(*number), entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const Generation& a, const Generation& b) { return a.number < b.number; });
  return found;
}

std::string claim_text(const Claim& claim) {
  const nlohmann::ordered_json json = {
      {"label", claim.label},    {"host", claim.holder.host},       {"kernel", claim.holder.kernel},
      {"pid", claim.holder.pid}, {"started", claim.holder.started}, {"missing", claim.missing},
      {"deaths", claim.deaths}};
  return json.dump(2) + "\n";
}

// A claim that cannot be read, or not yet, is somebody's of whom nothing is known.
Claim read_claim(const fs::path& file) {
  Claim claim;
  try {
    const auto json = nlohmann::json::parse(read_text_file(file));
    claim.label = json.at("label");
    claim.holder = {json.at("host"), json.at("kernel"), json.at("pid"), json.at("started")};
    claim.missing = json.at("missing");
    claim.deaths = json.at("deaths");
  } catch (const nlohmann::json::exception&) {
    return {};
  } catch (const Error&) {  // gone meanwhile
    return {};
  }
  return claim;
}

// Through an open file: a network file system looks anew when a file is opened. 0: it is gone.
int64_t touched_at(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  const bool is_there = descriptor >= 0 && ::fstat(descriptor, &status) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (!is_there) return 0;
  return static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

// Makes the file with its whole content, unless it is there. A link is the one step that succeeds
// once only on every file system that has links; where there are none, an exclusive open has to do.
bool create_exclusively(const fs::path& file, const std::string& text) {
  static std::atomic<int> count{0};  // of this process, which the text names
  const fs::path draft = file.parent_path() / fmt::format(".{}-{}.part", hash_text(text), ++count);
  write_text_file(draft, text);
  int failed = ::link(draft.c_str(), file.c_str()) == 0 ? 0 : errno;
  ::unlink(draft.c_str());
  if (failed == EPERM || failed == EOPNOTSUPP || failed == ENOSYS) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    failed = descriptor < 0 ? errno : 0;
    if (descriptor >= 0 && ::write(descriptor, text.data(), text.size()) < 0) failed = errno;
    if (descriptor >= 0) ::close(descriptor);
  }
  if (failed == EEXIST) return false;
  if (failed == 0) return true;
  throw machine_error(fmt::format("{}: creating failed: {}", file.string(), std::strerror(failed)));
}

}  // namespace

Claims::Claims(fs::path folder, std::chrono::milliseconds expiry)
    : folder_(std::move(folder)), expiry_(expiry), self_(this_process()) {
  beat_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex asleep;
    std::condition_variable_any alarm;
    std::unique_lock lock(asleep);
    while (!alarm.wait_for(lock, stop, expiry_ / 6, [&] { return stop.stop_requested(); })) {
      touch_all();
    }
  });
}

Claims::~Claims() {
  beat_.request_stop();
  beat_.join();
  while (!held_.empty()) release(std::string(held_.begin()->first), /*is_done=*/false);
}

void Claims::touch_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [unit, file] : held_) ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
}

Claims::Outcome Claims::judge(const fs::path& file, const Claim& claim) {
  const Life life = life_of(claim.holder);
  if (life == Life::kAlive) return Outcome::kTaken;
  if (life == Life::kDead) return Outcome::kMine;
  const auto now = std::chrono::steady_clock::now();
  const int64_t touched = touched_at(file);
  Seen& seen = seen_.try_emplace(file.string(), Seen{touched, now, false}).first->second;
  if (seen.touched != touched) seen = {touched, now, true};
  if (now - seen.since >= expiry_) return Outcome::kMine;
  return seen.has_changed ? Outcome::kTaken : Outcome::kPerhapsDead;
}

Claims::Outcome Claims::take(const std::string& unit, const std::string& label, int64_t missing) {
  if (held_.contains(unit)) return Outcome::kMine;
  require_writable_folder(folder_);
  const std::vector<Generation> generations = generations_of(folder_, unit);
  Claim mine{label, self_, missing, 0};
  int64_t number = 1;
  if (!generations.empty()) {
    const Generation& last = generations.back();
    const Claim before = read_claim(last.file);
    const Outcome outcome = judge(last.file, before);
    if (outcome != Outcome::kMine) return outcome;
    mine.deaths = missing < before.missing ? 0 : before.deaths + 1;
    number = last.number + 1;
  }
  const fs::path file = folder_ / fmt::format("{}.{}", unit, number);
  if (!create_exclusively(file, claim_text(mine))) return Outcome::kTaken;
  const std::lock_guard lock(mutex_);
  held_[unit] = file;
  return mine.deaths >= kDeaths ? Outcome::kDiedTwice : Outcome::kMine;
}

void Claims::release(const std::string& unit, bool is_done) {
  fs::path mine;
  {
    const std::lock_guard lock(mutex_);
    mine = held_.at(unit);
    held_.erase(unit);
  }
  std::error_code error;
  // Older ones first: while the last is there, nobody takes a dead one for the last.
  // Never a later one: that is of somebody who believed this process dead.
  const int64_t number =
      static_cast<int64_t>(parse_number(mine.extension().string().substr(1)).value());
  for (const Generation& generation : generations_of(folder_, unit)) {
    if (is_done && generation.number < number) fs::remove(generation.file, error);
  }
  fs::remove(mine, error);
}

std::vector<Claim> standing_claims(const fs::path& folder) {
  std::map<std::string, Generation> last;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const size_t dot = name.rfind('.');
    const auto number = parse_number(name.substr(dot + 1));
    if (dot == 0 || dot == std::string::npos || !number) continue;
    Generation& known = last[name.substr(0, dot)];
    if (*number > static_cast<double>(known.number)) {
      known = {static_cast<int64_t>(*number), entry.path()};
    }
  }
  std::vector<Claim> claims;
  for (const auto& [unit, generation] : last) {
    Claim claim = read_claim(generation.file);
    if (!claim.label.empty() && life_of(claim.holder) != Life::kDead) {
      claims.push_back(std::move(claim));
    }
  }
  std::sort(claims.begin(), claims.end(),
            [](const Claim& a, const Claim& b) { return a.label < b.label; });
  return claims;
}

}  // namespace isomerge
