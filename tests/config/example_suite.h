// config/example_suite.h -- a small suite on disk, for tests of suites and experiments.
#pragma once

#include <string>

#include "support/temporary_folder.h"

namespace isomerge {

// suites/s.json with tasks a, b, c, and every (empty) file it names.
inline void write_example_suite(const TemporaryFolder& folder) {
  for (const char* name : {"encoder.pt", "base.pt", "heads.pt", "a.pt", "b.pt", "c.pt", "data"}) {
    folder.write(std::string("m/") + name, "");
  }
  folder.write("suites/s.json", R"({
    "title": "Small",
    "encoder": "../m/encoder.pt",
    "base": "../m/base.pt",
    "heads": "../m/heads.pt",
    "preprocess": {"mean": [0.5, 0.25, 0], "std": [1, 0.5, 0.25]},
    "tasks": [
      {"name": "a", "title": "Task A", "expert": "../m/a.pt", "data": "../m/data"},
      {"name": "b", "expert": "../m/b.pt", "data": "../m/data"},
      {"name": "c", "expert": "../m/c.pt", "data": "../m/data"}
    ]
  })");
}

}  // namespace isomerge
