#include "report/html.h"

#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/example_table.h"
#include "report/svg.h"

namespace isomerge {
namespace {

// The page of the complete example, whose title wants to be markup.
class Page : public ::testing::Test {
 protected:
  Page() {
    example_.experiment().title = "A </script><script>alert(1)</script>";
    fill_complete(example_);
  }

  std::string text(const std::vector<DrawnFigure>& figures = {}) {
    const ResultStore store = example_.store();
    ExperimentRecords records(example_.experiment(), example_.plan(), store);
    const Table table = build_table(records);
    return html_text(table, figures, records, store.read_log());
  }

  size_t count(const std::string& in, const std::string& what) {
    size_t found = 0;
    for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++found;
    return found;
  }

  ExampleTable example_;
};

TEST_F(Page, ShowsEveryNumberWithItsRecord) {
  const std::string page = text();
  const Row& iso = example_.experiment().rows[3];
  const std::string key = run_key(example_.run(iso, 1, "fashion", "test"));
  EXPECT_EQ(count(page, "data-key=\"" + key + "\""), 1u);
  EXPECT_EQ(count(page, "class=\"record\""), 8u) << "four methods, two tasks";
  const size_t start = page.find("id=\"records\">") + 13;
  const auto records =
      nlohmann::json::parse(page.substr(start, page.find("</script>", start) - start));
  ASSERT_EQ(records.size(), 8u);
  EXPECT_EQ(records[key]["run"]["method"], "iso_c");
  EXPECT_EQ(records[key]["run"]["alpha"], 1.2);
  EXPECT_EQ(records[key]["run"]["hashes"]["expert/digits"], "x1");
  EXPECT_EQ(records[key]["correct"], 8);
  EXPECT_FALSE(records[key].contains("outcomes"));
  EXPECT_FALSE(records[key].contains("log")) << "nothing was logged";
  for (const char* cell : {">85.00</td>", ">[63.29, 93.26]</td>", ">95.00</td>", ">8 of 10<"}) {
    EXPECT_NE(page.find(cell), std::string::npos) << cell;
  }
}

TEST_F(Page, ShowsWhatTheLogKnowsOfARecord) {
  const Row& iso = example_.experiment().rows[3];
  const std::string key = run_key(example_.run(iso, 1, "fashion", "test"));
  example_.store().log(key, 2.5, "9.9 (abc1234)");
  const std::string page = text();
  EXPECT_NE(page.find("\"log\":{\"seconds\":2.5,\"program\":\"9.9 (abc1234)\""), std::string::npos);
}

TEST_F(Page, TakesNoTextForMarkup) {
  const std::string page = text();
  EXPECT_EQ(count(page, "<script"), 2u);
  EXPECT_EQ(count(page, "</script>"), 2u);
  EXPECT_NE(page.find("<h1>A &lt;/script&gt;"), std::string::npos);
  EXPECT_EQ(markup_escaped("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
}

TEST_F(Page, LoadsNothing) {
  std::string page = text();
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  const std::regex address("(src|href|action|poster|data)=\"(?!data:,)[^\"#]");
  EXPECT_FALSE(std::regex_search(page, address));
  for (const char* word : {"url(", "@import", "fetch(", "XMLHttpRequest", "import("}) {
    EXPECT_EQ(page.find(word), std::string::npos) << word;
  }
}

TEST_F(Page, HasHeadsThatSayWhatTheyHead) {
  const std::string page = text();
  const std::regex bare("<th(?![^>]*scope=)[ >]");
  EXPECT_FALSE(std::regex_search(page, bare));
  EXPECT_EQ(count(page, "class=\"sortable\""), 2u) << "means, and the tasks of all methods";
  EXPECT_EQ(count(page, "aria-sort=\"none\""), 7u + 3u);
  EXPECT_EQ(count(page, "aria-expanded=\"false\""), 4u);
  EXPECT_EQ(count(page, "class=\"best\""), 1u);
}

TEST_F(Page, HoldsFiguresWithTheirCaptions) {
  Figure figure;
  figure.name = "f";
  figure.caption = "What <it> shows.";
  const std::string page =
      text({{figure,
             "<?xml?><svg width=\"1\" viewBox=\"0 0 1 1\"><rect x=\"0\" y=\"0\" "
             "fill=\"#ffffff\"/><path stroke='black'/></svg>"}});
  EXPECT_NE(page.find("<svg role=\"img\" viewBox=\"0 0 1 1\"><path stroke='currentColor'/></svg>"),
            std::string::npos);
  EXPECT_NE(page.find("What &lt;it&gt; shows."), std::string::npos);
  EXPECT_EQ(count(text(), "<figure"), 0u);
}

TEST_F(Page, SaysWhatIsMissing) {
  example_.experiment().rows.reserve(8);
  example_.add_row("average", {1.0});
  const std::string page = text();
  EXPECT_NE(page.find(">missing 2 of 2</td>"), std::string::npos);
  EXPECT_EQ(count(page, "class=\"record\""), 8u);
}

TEST_F(Page, IsTheSameEveryTime) { EXPECT_EQ(text(), text()); }

}  // namespace
}  // namespace isomerge
