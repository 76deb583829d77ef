// experiment/suite_statistics.h -- statistics of a suite's experts, made where they are missing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "checkpoint/statistics.h"
#include "config/suite.h"
#include "eval/statistics.h"

namespace isomerge {

struct SuiteStatistics {
  std::filesystem::path folder;
  std::string split = "val";
  int64_t examples = 1000;  // at most, from the start of the split (MaTS)
  uint64_t max_memory = 0;  // see StatisticsOptions
  int threads = 1;
  c10::Device device = c10::Device(c10::kCPU);
};

// Writes the kinds of one task's expert that are not in the folder, or that are there of other
// bytes or options. Returns what was written. Throws Error(kInput) naming the file.
struct WrittenStatistics {
  StatisticsKind kind;
  StatisticsSummary summary;
};
std::vector<WrittenStatistics> complete_statistics(const Suite& suite, const std::string& task,
                                                   const std::vector<StatisticsKind>& kinds,
                                                   const SuiteStatistics& how);

// "kfac" -> input and output, "gram" -> input, "fisher" -> fisher. Throws Error(kInput) on others.
std::vector<StatisticsKind> parse_statistics_kind(const std::string& text);

}  // namespace isomerge
