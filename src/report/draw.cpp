#include "report/draw.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "report/gnuplot.h"
#include "report/svg.h"

extern char** environ;

namespace isomerge {
namespace {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "isomerge-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw machine_error(
          fmt::format("{}: cannot make a temporary folder: {}", name, std::strerror(errno)));
    }
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The environment of this process, but for the time zone: cairo writes the local time into a PDF,
// where its length depends on it.
std::vector<std::string> child_environment() {
  std::vector<std::string> entries = {"TZ=UTC0"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "TZ=", 3) != 0) entries.emplace_back(*entry);
  }
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// Runs gnuplot on `script`, without the settings of the person, in `folder`; what it prints goes to
// the file `log` there.
void run_gnuplot(const std::filesystem::path& folder, const char* script, const char* log) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  std::vector<std::string> words = {"gnuplot", "--default-settings", script};
  std::vector<std::string> entries = child_environment();
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, pointers(words).data(),
                                   pointers(entries).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    throw machine_error(
        "gnuplot: not found; figures need it (Debian: apt-get install gnuplot-nox), tables do not");
  }
  if (error != 0) throw machine_error(fmt::format("gnuplot: {}", std::strerror(error)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) {
    throw machine_error(fmt::format("gnuplot failed:\n{}", read_text_file(folder / log)));
  }
}

// cairo writes the time into a PDF, whatever it is told: blanks keep every offset as it is.
std::string without_date(std::string pdf) {
  const std::string key = "/CreationDate (";
  const size_t at = pdf.find(key);
  if (at == std::string::npos) return pdf;
  const size_t end = pdf.find(')', at);
  pdf.replace(at, end + 1 - at, end + 1 - at, ' ');
  return pdf;
}

}  // namespace

std::map<std::string, std::string> draw_figure(const Figure& figure,
                                               const std::vector<std::string>& formats) {
  const ScratchFolder folder;
  write_text_file(folder.path() / "script", gnuplot_script(figure, formats));
  try {
    run_gnuplot(folder.path(), "script", "log");
  } catch (const Error& error) {
    throw error.during(fmt::format("figure \"{}\"", figure.name));
  }
  std::map<std::string, std::string> files;
  for (const std::string& format : formats) {
    std::string bytes = read_text_file(folder.path() / (figure.name + "." + format));
    if (format == "svg") bytes = finished_svg(std::move(bytes), figure);
    if (format == "pdf") bytes = without_date(std::move(bytes));
    files[format] = std::move(bytes);
  }
  return files;
}

}  // namespace isomerge
