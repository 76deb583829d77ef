// experiment/two_tasks.h -- a small experiment on the shipped mini suite: real encoder, real
// experts, real images, seconds.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace isomerge {

inline const std::filesystem::path kSource = ISOMERGE_SOURCE_DIR;

// Two tasks, small grids.
inline std::string experiment_text(const std::string& suite) {
  return "{\"title\": \"Two tasks\", \"suite\": \"" + suite + R"(", "tasks": 2,
    "methods": ["zero_shot", "fine_tuned", "average",
                {"method": "task_arithmetic", "alpha": "0.2:1.0:0.4"},
                {"method": "iso_c", "alpha": [0.5, 1.0, 1.5]}],
    "select": {"axes": ["alpha"], "split": "val", "patience": 0},
    "report": {"split": "test"}})";
}

class TwoTasks : public ::testing::Test {
 protected:
  TwoTasks() {
    file_ = folder_.write(
        "two.json", experiment_text((kSource / "experiments/suites/mini_vision.json").string()));
  }

  // Replaces the experiment's methods and search.
  void experiment(const std::string& methods, const std::string& select = "{}") {
    file_ =
        folder_.write("two.json", "{\"title\": \"T\", \"suite\": \"" +
                                      (kSource / "experiments/suites/mini_vision.json").string() +
                                      "\", \"tasks\": 2, \"methods\": [" + methods +
                                      "], \"select\": " + select + "}");
  }

  // File name -> bytes of every record, or analysis.
  std::map<std::string, std::string> records(const std::string& results,
                                             const std::string& kind = "records") const {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / results / kind)) {
      const std::string name = entry.path().filename().string();
      if (name[0] != '.') out[name] = TemporaryFolder::read(entry.path());
    }
    return out;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_;
};

}  // namespace isomerge
