// store/claims.h -- who works on what, among processes and machines that share a folder of results.
//
// A claim is a small file. Its holder touches it now and then; whoever finds that it was not
// touched for `expiry` takes the work over. No two clocks are compared: a watcher measures with its
// own, from when it first saw the file as it is. On one machine a dead process is known at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/process.h"

namespace isomerge {

struct Claim {
  std::string label;  // of the work, for people
  ProcessIdentity holder;
  int64_t missing = 0;  // records that the work lacked when it was claimed
  int64_t deaths = 0;   // holders before this one that died without a record
};

class Claims {
 public:
  static constexpr std::chrono::seconds kExpiry{180};  // file systems show a touch after a minute

  // Starts the thread that touches; the folder is made by the first take().
  explicit Claims(std::filesystem::path folder, std::chrono::milliseconds expiry = kExpiry);
  ~Claims();  // gives back what is held, as not done
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  enum class Outcome {
    kMine,
    kDiedTwice,   // mine; but two holders in a row died of it
    kTaken,       // somebody works on it
    kPerhapsDead  // somebody did; it is not known yet whether he still does
  };
  // Asks for a piece of work with that name (letters and digits). Two holders that died count only
  // if no record appeared between. Throws Error(kMachine) if the folder cannot be written.
  Outcome take(const std::string& unit, const std::string& label, int64_t missing);

  // Ends a claim that this process holds. Work that is not done may be claimed again, and remembers
  // who died of it before.
  void release(const std::string& unit, bool is_done);

 private:
  struct Seen {
    int64_t touched = 0;  // as the file system says
    std::chrono::steady_clock::time_point since;
    bool has_changed = false;  // while it was watched
  };

  Outcome judge(const std::filesystem::path& file, const Claim& claim);
  void touch_all();

  const std::filesystem::path folder_;
  const std::chrono::milliseconds expiry_;
  const ProcessIdentity self_;
  std::mutex mutex_;  // of held_
  std::map<std::string, std::filesystem::path> held_;
  std::map<std::string, Seen> seen_;  // by file
  std::jthread beat_;
};

// Every claim in the folder whose holder is not known to be dead, by its label; none if there is no
// folder.
std::vector<Claim> standing_claims(const std::filesystem::path& folder);

}  // namespace isomerge
