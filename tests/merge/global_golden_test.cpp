// The methods that look at the whole model against the float64 reference of tests/golden: its
// checkpoints written to files, merged with merge_files(), read back.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "merge/dare.h"
#include "merge/merge_files.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kFolder = std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden";

Json global_cases() { return Json::parse(std::ifstream(kFolder / "global_cases.json")); }

// Everything under `prefix`, by the rest of the name.
Weights part_of(const Checkpoint& golden, const std::string& prefix) {
  Weights part;
  for (const TensorInfo& info : golden.tensors()) {
    if (info.name.starts_with(prefix)) {
      part[info.name.substr(prefix.size())] = golden.read(info.name);
    }
  }
  return part;
}

// A run's options as isomerge takes them: tasks by name, one lambda per task as a text.
Options options_of(const Json& run) {
  Options options;
  for (const auto& [name, value] : run.at("options").items()) {
    if (name == "task") {
      options[name] = fmt::format("task{}", value.get<int>());
    } else if (value.is_array()) {
      std::vector<std::string> parts;
      for (const double lambda : value) {
        parts.push_back(fmt::format("task{}={}", parts.size(), number_text(lambda)));
      }
      options["lambdas"] = join(parts, ",");
    } else if (value.is_string()) {
      options[name] = value.get<std::string>();
    } else if (value.is_number_integer()) {
      options[name] = value.get<int64_t>();
    } else {
      options[name] = value.get<double>();
    }
  }
  return options;
}

// A case's checkpoints as files.
class CaseFiles {
 public:
  CaseFiles(const Checkpoint& golden, const Json& entry) {
    const std::string name = entry.at("name");
    recipe_.exclude = entry.at("exclude");
    recipe_.base = save(golden, name, "base");
    for (int t = 0; t < entry.at("tasks").get<int>(); ++t) {
      const std::string task = fmt::format("task{}", t);
      recipe_.experts.emplace_back(task, save(golden, name, task));
    }
    recipe_.out = folder_ / "merged.safetensors";
    recipe_.update_only = true;
  }

  // The merged updates of a run.
  Weights merged(const Json& run, Precision precision, int threads) {
    recipe_.method = run.at("method");
    recipe_.options = options_of(run);
    recipe_.precision = precision;
    merge_files({recipe_}, {.threads = threads});
    return Checkpoint(recipe_.out).read_all();
  }

 private:
  std::filesystem::path save(const Checkpoint& golden, const std::string& name,
                             const std::string& file) {
    const auto path = folder_ / (file + ".safetensors");
    write_safetensors(path, part_of(golden, fmt::format("{}/{}/", name, file)));
    return path;
  }

  TemporaryFolder folder_;
  Recipe recipe_;
};

// fp64 gives the stored number, fp32 that number rounded once, unless the run has a bar.
void expect_golden(const Weights& merged, const Weights& want, const Json& run,
                   Precision precision) {
  const at::ScalarType dtype = compute_dtype(precision);
  EXPECT_EQ(merged.size(), want.size());
  for (const auto& [name, exact] : want) {
    ASSERT_TRUE(merged.contains(name)) << name;
    const at::Tensor& got = merged.at(name);
    ASSERT_EQ(got.scalar_type(), dtype) << name;
    if (run.contains("bar")) {
      EXPECT_LE(relative_error(got, exact), run.at("bar").get<double>()) << name;
    } else {
      EXPECT_TRUE(got.equal(exact.to(dtype))) << name << "\n" << got << "\n" << exact;
    }
  }
}

TEST(GlobalGolden, EveryRunGivesTheStoredUpdatesInFp64AndTheirRoundingInFp32) {
  const Checkpoint golden(kFolder / "global.safetensors");
  ASSERT_EQ(golden.metadata().at("format"), "isomerge-golden-global-1")
      << "regenerate with: " << golden.metadata().at("command");
  const Json all = global_cases();
  int runs = 0;
  for (const Json& entry : all.at("cases")) {
    const std::string name = entry.at("name");
    CaseFiles files(golden, entry);
    for (const Json& run : entry.at("runs")) {
      const std::string label = run.at("name");
      const Weights want = part_of(golden, fmt::format("{}/{}/", name, label));
      ASSERT_FALSE(want.empty());
      for (const Precision precision : {Precision::kFp32, Precision::kFp64}) {
        SCOPED_TRACE(fmt::format("{} {} {}", name, label, precision_text(precision)));
        expect_golden(files.merged(run, precision, 3), want, run, precision);
      }
      ++runs;
    }
  }
  EXPECT_EQ(runs, 52);
}

// "<seed>/<tensor>/<task>" -> the key of its stream; the empty text is the start of FNV-1a.
uint64_t stream_key(const std::string& text) {
  if (text.empty()) return 0xcbf29ce484222325u;
  const std::vector<std::string> parts = split(text, '/');
  EXPECT_EQ(parts.size(), 3u) << text;
  return dare_key(std::stoull(parts.at(0)), parts.at(1), parts.at(2));
}

TEST(GlobalGolden, RandomNumbersAreThoseOfTheReference) {
  const Checkpoint golden(kFolder / "global.safetensors");
  const Json keys = global_cases().at("random");
  EXPECT_EQ(keys.size(), 5u);
  for (const std::string text : keys) {
    const at::Tensor want = golden.read("random/" + text);
    ASSERT_EQ(want.numel(), 16);
    for (int64_t i = 0; i < want.numel(); ++i) {
      EXPECT_EQ(dare_uniform(stream_key(text), static_cast<uint64_t>(i)),
                want.const_data_ptr<double>()[i])
          << text << " " << i;
    }
  }
}

}  // namespace
}  // namespace isomerge
