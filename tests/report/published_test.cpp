// A test of the drawing path, not of any model: published numbers go in as records and values, and
// have to come out as they were published.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/draw.h"
#include "report/example_table.h"
#include "report/figures.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;

Json published() {
  return Json::parse(
      TemporaryFolder::read(ISOMERGE_SOURCE_DIR "/tests/golden/published_vit_b16.json"));
}

// A task's accuracy on its test images, as a record.
void put(ExampleTable& example, const Row& row, const std::string& task, double accuracy,
         int64_t images) {
  Outcomes outcomes(static_cast<size_t>(images));
  const auto correct = std::llround(accuracy * static_cast<double>(images));
  std::fill_n(outcomes.begin(), correct, 1.0f);
  example.store().put(done_record(example.run(row, 0, task, "test"), std::move(outcomes)));
}

TEST(Published, AccuraciesAsRecordsGiveThePublishedNai) {
  const Json all = published(), tasks = all.at("pertask_ViT-B-16_8tasks_authors");
  ExampleTable example;
  Experiment& experiment = example.experiment();
  experiment.suite.tasks.clear();
  const std::vector<std::string> names = tasks.at("order");
  for (const std::string& name : names) {
    experiment.suite.tasks.push_back({name, name, {}, {}, {}});
    example.plan().tasks[name] = {"expert " + name, "head " + name, "data " + name};
  }
  experiment.rows.reserve(4);
  const std::vector<std::pair<const Row*, const char*>> rows = {
      {&example.add_row("zero_shot", {}, names), "zero_shot"},
      {&example.add_row("fine_tuned", {}, names), "fine_tuned"},
      {&example.add_row("task_arithmetic", {0.3}, names), "TA_at_best_alpha"},
      {&example.add_row("iso_c", {1.3}, names), "IsoC_at_best_alpha"}};
  for (const auto& [row, key] : rows) {
    for (size_t t = 0; t < names.size(); ++t) {
      put(example, *row, names[t], tasks.at(key)[t], all.at("test_images").at(names[t]));
    }
  }
  const Table table = example.table();
  for (const auto& [index, key] : {std::pair{2u, "NAI_TA"}, std::pair{3u, "NAI_IsoC"}}) {
    for (size_t t = 0; t < names.size(); ++t) {
      EXPECT_NEAR(table.rows[index].cells[t].nai.value(), tasks.at(key)[t].get<double>(), 6e-5)
          << key << ", " << names[t];
    }
    const double mean = tasks.at("means_percent").at(key);
    EXPECT_NEAR(100.0 * table.rows[index].nai.value(), mean, 0.006) << key;
  }
  const Json& means = tasks.at("means_percent");
  EXPECT_NEAR(100.0 * *table.rows[2].accuracy, means.at("TA").get<double>(), 0.006);
  EXPECT_NEAR(100.0 * *table.rows[3].normalised, means.at("IsoC_normalised").get<double>(), 0.006);
  EXPECT_EQ(table.rows[3].standing, Standing::kBest);
  EXPECT_FALSE(table.rows[2].is_tied());
}

// The text of an SVG that gnuplot puts into cells and at axes, in its order.
std::vector<std::string> texts_of(const std::string& svg) {
  std::vector<std::string> texts;
  for (size_t at = svg.find("<text>"); at != std::string::npos; at = svg.find("<text>", at + 1)) {
    const size_t start = at + 6;
    texts.push_back(svg.substr(start, svg.find('<', start) - start));
  }
  return texts;
}

void expect_redrawn(const char* figure, const char* order) {
  const Json values = published().at(figure);
  const std::vector<std::string> names = values.at(order);
  std::string csv = "task";
  for (const std::string& name : names) csv += "," + name;
  csv += "\n";
  std::vector<std::string> want;
  for (size_t r = 0; r < names.size(); ++r) {
    csv += names[r];
    for (const Json& value : values.at("matrix")[r]) {
      csv += "," + value.dump();
      char printed[16];
      std::snprintf(printed, sizeof printed, "%.2f", value.get<double>());
      want.emplace_back(printed);
    }
    csv += "\n";
  }
  const TemporaryFolder folder;
  FigureEntry entry;
  entry.kind = FigureKind::kHeatMap;
  entry.values = folder.write("values.csv", csv);
  std::optional<Figure> drawn = heat_map_figure(entry, {}, ValueTable(entry.values));
  drawn->name = "published";
  std::vector<std::string> texts = texts_of(draw_figure(*drawn, {"svg"}).at("svg"));
  for (const std::string& name : names) {
    EXPECT_EQ(std::count(texts.begin(), texts.end(), name), 2) << name << ", at both axes";
  }
  std::erase_if(texts, [](const std::string& text) { return text.find('.') == std::string::npos; });
  EXPECT_EQ(texts, want) << "row by row from the top";
}

TEST(Published, HeatMapOfCosinesIsRedrawn) { expect_redrawn("figure2a_cosine", "order"); }

TEST(Published, HeatMapOfAlignmentsIsRedrawn) {
  expect_redrawn("figure3b_SARavg_pairs", "row_and_column_order");
}

}  // namespace
}  // namespace isomerge
