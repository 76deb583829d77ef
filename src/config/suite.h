// config/suite.h -- a base, its experts and their datasets, in order: of images, with heads, or of
// text, with a tokenizer.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/variables.h"

namespace isomerge {

struct Task {
  std::string name;   // [a-z0-9_]+, unique in the suite
  std::string title;  // of table columns; the name if not given
  std::filesystem::path expert;
  std::filesystem::path data;
  std::filesystem::path train;  // training examples, perhaps not there; empty: none named
  std::string note = {};        // what a reader of its numbers must know; "": nothing
  // In 0..1: what accuracies are divided by in the place of the expert's own; in the file in
  // percent.
  std::optional<double> normalise_by = {};
  int line = 0;  // of the suite file
};

// From an image to the encoder's input. Per channel, pixels in [0, 1]: (x - mean) / std.
struct Preprocess {
  int64_t resize = 0;  // the shorter side, bicubic; 0: as it is
  int64_t crop = 0;    // the square in the middle; 0: everything
  std::array<double, 3> mean{};
  std::array<double, 3> std{};
};

// How experts of the suite are trained, where it says so: what `isomerge finetune` takes for flags
// that are not given. Only signs and whole numbers are checked here.
struct FinetuneDefaults {
  std::optional<int64_t> steps, epochs, batch, warmup, shift, seed;
  std::optional<double> lr, weight_decay, clip;
};

// How text is read and scored.
struct TextProtocol {
  int64_t most_tokens = 512;      // of a prompt or an answer; what is beyond is cut off
  bool normalise_length = false;  // a choice's log-probability is divided by its number of tokens
};

struct Suite {
  std::string title;
  std::filesystem::path path;    // the suite file
  std::filesystem::path module;  // TorchScript: "encoder" of images, or "model" of text
  std::filesystem::path base;
  std::filesystem::path heads;  // of images: one tensor [classes, features] per task, by task name
  Preprocess preprocess;        // of images
  std::filesystem::path tokenizer;  // of text: a sentencepiece model
  TextProtocol text;
  FinetuneDefaults finetune;
  std::vector<Task> tasks;  // at least one

  bool is_language() const { return !tokenizer.empty(); }
};

// All paths come out absolute. Throws one Error(kInput) with every problem of the file, files that
// do not exist included.
Suite read_suite(const std::filesystem::path& path, const Settings& set = {},
                 Files files = Files::kMustExist);

// The same, for a reader that has problems of its own to report with these and that knows which
// tasks are used: files of tasks may be missing. It calls require_task_files().
Suite read_suite(const std::filesystem::path& path, Variables& variables, Files files,
                 Problems& problems);
void require_task_files(const Suite& suite, const std::vector<std::string>& tasks,
                        Problems& problems);
void require_task_files(const Task& task, const std::filesystem::path& suite, Problems& problems);

// Throws Error(kInput) with the nearest and all known names.
const Task& require_task(const Suite& suite, const std::string& name);

std::vector<std::string> task_names(const Suite& suite);

// Task::normalise_by of these tasks.
std::vector<std::optional<double>> given_references(const Suite& suite,
                                                    const std::vector<std::string>& tasks);

}  // namespace isomerge
