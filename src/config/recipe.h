// config/recipe.h -- one merge: a method with its options over a base and its experts. The keys of
// a recipe file are the long flags of `isomerge merge`, with underscores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/grid.h"
#include "config/options.h"
#include "config/variables.h"

namespace isomerge {

enum class Precision { kFp32, kFp64 };                    // of the computation
enum class OutputDtype { kAsBase, kFp32, kFp16, kBf16 };  // of the file

struct Recipe {
  std::string method;
  Options options;              // as given; resolve_options() fills the rest
  std::optional<double> alpha;  // nothing: the method's default
  std::vector<GridAxis> grid;   // options, and "alpha", that take several values: expand_grid()
  Precision precision = Precision::kFp32;
  std::vector<std::string> exclude;  // globs of names that are left as in the base
  std::vector<std::string> average;  // globs of names that are averaged although they are matrices
  bool split_attention = false;      // packed q, k, v are three matrices (task/updates.h)
  std::filesystem::path base;
  std::vector<std::pair<std::string, std::filesystem::path>>
      experts;  // task name -> file, in order
  std::filesystem::path out;
  OutputDtype dtype = OutputDtype::kAsBase;
  bool update_only = false;
  std::filesystem::path statistics;  // folder of the experts' statistics; empty: none
  std::filesystem::path masks;  // TALL masks for consensus_ta (merge/tall_mask_file.h), or empty
  uint64_t shard_bytes = 0;     // of tensors per file of an output folder; 0: one file
  int64_t adapter_rank = 0;     // the output is a PEFT adapter of at most this rank; 0: it is not
};

std::string precision_text(Precision precision);  // "fp32", "fp64"
Precision parse_precision(const std::string& text);
std::string attention_text(bool is_split);  // "packed", "split"
bool parse_attention(const std::string& text);
std::string output_dtype_text(OutputDtype dtype);  // "as_base", "fp32", "fp16", "bf16"
OutputDtype parse_output_dtype(const std::string& text);

// "cars=models/cars.safetensors" -> name and path. Throws Error(kInput) on anything else.
std::pair<std::string, std::filesystem::path> parse_expert(const std::string& text);

// Task names are [a-z0-9_]+.
bool is_task_name(const std::string& name);

// Reads a recipe file. Paths are made absolute, relative ones from the file's folder; `out` too.
// What is not in the file keeps its default, so that flags can fill it. Throws one Error(kInput).
Recipe read_recipe(const std::filesystem::path& path, const Settings& set = {});

// The merges that a recipe asks for: one for every combination of its grid, without a grid itself.
// In their `out`, every {NAME} of an axis is its value's text (option_text). No grid: the recipe.
// Throws Error(kInput): an axis twice, or beside an option or alpha of its name; an axis of several
// values whose {NAME} is not in `out`; a value of alpha that is no number.
std::vector<Recipe> expand_grid(const Recipe& recipe);

// What a recipe without a grid lacks or contradicts, from whatever it was made: method, options,
// base, experts, out, two experts of one name or of one canonical path. Throws one Error(kInput)
// that lists everything.
void require_complete(const Recipe& recipe);

}  // namespace isomerge
