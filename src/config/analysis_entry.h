// config/analysis_entry.h -- "analyses" of an experiment file: what is measured of the merged
// updates of its rows, beside accuracies. Figures take the values by the entry's name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/json_reader.h"
#include "config/variables.h"

namespace isomerge {

struct Row;

// One entry of the list. Texts are the names of analysis/names.h. What its kind has no use for
// keeps its default.
struct AnalysisEntry {
  enum class Kind {
    kSar,          // "sar": alignment of every task's update with the merged one
    kPairs,        // "pairs": of every task's update with every other's, k from the merged one
    kCosine,       // "cosine": of every task's update with the merged one
    kCosinePairs,  // "cosine_pairs": of every two tasks' updates
    kSpectrum,     // "spectrum": singular values of the merged update
    kInterference  // "interference": of the merged model's features with every expert's
  };

  Kind kind = Kind::kSar;
  std::string name;                  // unique in the experiment: [a-z0-9_]+; the kind if not given
  std::vector<std::string> methods;  // whose rows; empty: all that make one model for all tasks
  std::string rank_rule = "paper";   // of k
  double epsilon = 0.05;
  bool off_by_one = false;
  std::vector<double> betas = {0.0};  // of interpolated spectra
  std::string side = "left";
  std::string per = "model";
  std::vector<std::string> include, exclude;  // globs of tensor names
};

std::string analysis_kind_text(AnalysisEntry::Kind kind);  // "sar"

// Everything that the values depend on beside the merged update: part of the key of its record.
std::string analysis_text(const AnalysisEntry& entry);

// Whether the values depend on features, hence on alpha and on the images of the report's split,
// and not on the merged update alone.
bool looks_at_features(const AnalysisEntry& entry);

// True if this row is to be analysed. A row with a model for each task has no merged update.
bool analyses_row(const AnalysisEntry& entry, const Row& row);

// `value`: the list, or null. `rows` are those of the experiment. Every key is checked against what
// the kind takes.
std::vector<AnalysisEntry> read_analyses(const JsonValue* value, const std::vector<Row>& rows,
                                         const std::filesystem::path& file, Problems& problems);

}  // namespace isomerge
