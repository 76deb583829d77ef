#include "base/process.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

namespace isomerge {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string link_target(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

// Boot and process namespace; empty where the system has no such files.
std::string kernel_identity() {
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  const std::string space = link_target("/proc/self/ns/pid");
  return boot.empty() || space.empty() ? "" : boot + " " + space;
}

struct ProcessState {
  char state = 0;       // 'Z': it has ended and nobody has asked how
  std::string started;  // empty: there is no such process
};

// The name, in parentheses, may hold anything: what follows the last of them counts.
ProcessState state_of(int64_t pid) {
  constexpr int kStartField = 20;  // after the name
  const std::string line = first_line("/proc/" + std::to_string(pid) + "/stat");
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream fields(line.substr(end + 1));
  ProcessState out;
  std::string field;
  for (int i = 0; i < kStartField && fields >> field; ++i) {
    if (i == 0) out.state = field.front();
  }
  out.started = field;
  return out;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

ProcessIdentity this_process() {
  const auto pid = static_cast<int64_t>(::getpid());
  return {host_name(), kernel_identity(), pid, state_of(pid).started};
}

Life life_of(const ProcessIdentity& process) {
  if (process.kernel.empty() || process.kernel != kernel_identity()) return Life::kUnknown;
  const ProcessState now = state_of(process.pid);
  const bool lives = !now.started.empty() && now.state != 'Z' && now.started == process.started;
  return lives ? Life::kAlive : Life::kDead;
}

}  // namespace isomerge
