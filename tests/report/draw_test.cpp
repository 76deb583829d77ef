#include "report/draw.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "report/csv.h"
#include "report/figure_layout.h"
#include "report/gnuplot.h"
#include "report/svg.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

FigurePoint point(double x, double y, const std::string& label, bool is_chosen = false) {
  return {x, y, label, {}, is_chosen};
}

// Every style of series, rules, and names that are hard to quote.
Figure example_figure() {
  Figure figure;
  figure.name = "ex-1";
  figure.title = "It's \"quoted\" `date` & <b>";
  figure.caption = "A caption.";
  for (const SeriesStyle style :
       {SeriesStyle::kPoints, SeriesStyle::kLine, SeriesStyle::kBars, SeriesStyle::kBox}) {
    Panel panel;
    panel.x.title = "alpha";
    panel.y.title = "NAI";
    Series series{"A's", style, nth_look(20), {}};
    series.points = {point(1, 0.25, "Cars, A's"), point(2, 0.75, "DTD & <x>", true),
                     point(2, 0.5, "SVHN")};
    series.points[0].range = Interval{0.125, 0.375};
    panel.series = {series};
    panel.rules = {{"k", true, 1.5, nth_look(1)}, {"Mean", false, 0.6, nth_look(2)}};
    figure.panels.push_back(panel);
  }
  using Sample = LegendEntry::Sample;
  for (const Sample sample : {Sample::kPoint, Sample::kLine, Sample::kRule, Sample::kBlock}) {
    figure.legend.push_back({"A's", nth_look(20), sample, sample == Sample::kBlock ? 1u : 0u});
  }
  figure.is_wide = true;
  return figure;
}

TEST(Layout, PutsFewerPanelsSideBySideWhereTheirTitlesNeedTheRoom) {
  Figure figure = example_figure();
  const auto rows = [&] {
    const FigureLayout layout = lay_out(figure);
    return std::count(layout.is_at_left.begin(), layout.is_at_left.end(), true);
  };
  EXPECT_EQ(rows(), 2) << "three and one";
  figure.panels[1].title = std::string(40, 'n');
  EXPECT_EQ(rows(), 2) << "two and two";
  EXPECT_FALSE(lay_out(figure).is_at_left[3]);
  EXPECT_TRUE(lay_out(figure).is_at_left[2]);
  figure.panels[1].title = std::string(200, 'n');
  EXPECT_EQ(rows(), 4);
}

TEST(Draw, GivesTheSameBytesEveryTimeInEveryFormat) {
  const auto first = draw_figure(example_figure(), {"svg", "pdf", "png"});
  ASSERT_EQ(first.size(), 3u);
  EXPECT_TRUE(first.at("svg").starts_with("<?xml"));
  EXPECT_TRUE(first.at("pdf").starts_with("%PDF"));
  EXPECT_TRUE(first.at("png").starts_with("\x89PNG"));
  ::setenv("TZ", "Asia/Tokyo", 1);
  const auto second = draw_figure(example_figure(), {"svg", "pdf", "png"});
  ::unsetenv("TZ");
  for (const auto& [format, bytes] : first) EXPECT_TRUE(second.at(format) == bytes) << format;
  EXPECT_EQ(first.at("pdf").find("CreationDate"), std::string::npos);
}

TEST(Draw, NamesEveryPointInTheSvg) {
  const std::string svg = draw_figure(example_figure(), {"svg"}).at("svg");
  for (const char* title : {"<title>Cars, A&#39;s, alpha 1, NAI 0.25</title>",
                            "<title>DTD &amp; &lt;x&gt;, alpha 2, NAI 0.75</title>",
                            "<title>It&#39;s &quot;quoted&quot; `date` &amp; &lt;b&gt;</title>",
                            "<desc>A caption.</desc>", "It's \"quoted\" `date` &amp; &lt;b>"}) {
    EXPECT_NE(svg.find(title), std::string::npos) << title;
  }
  EXPECT_EQ(svg.find("showHypertext"), std::string::npos);
  EXPECT_EQ(svg.find("id='gpPt"), std::string::npos);
  EXPECT_NE(svg.find("id='f_ex_1_gpPt"), std::string::npos);
  EXPECT_NE(svg.find("href='#f_ex_1_gpPt"), std::string::npos);
}

TEST(Draw, SvgInAPageHasThePagesColourAndNoBackground) {
  const std::string svg = inline_svg(draw_figure(example_figure(), {"svg"}).at("svg"));
  EXPECT_TRUE(svg.starts_with("<svg role=\"img\" viewBox"));
  EXPECT_EQ(svg.find("fill=\"#ffffff\"/>"), std::string::npos);
  EXPECT_EQ(svg.find("\"black\""), std::string::npos);
  EXPECT_EQ(svg.find("'black'"), std::string::npos);
}

TEST(Draw, SaysWhenGnuplotIsMissing) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const std::string message =
      error_message([] { draw_figure(example_figure(), {"svg"}); }, Fault::kMachine);
  ::setenv("PATH", path.c_str(), 1);
  expect_mentions(message, {"figure \"ex-1\"", "gnuplot: not found", "gnuplot-nox"});
}

TEST(Draw, TellsWhatGnuplotComplainedAbout) {
  Figure figure = example_figure();
  figure.panels[0].x.low = std::nan("");
  expect_mentions(error_message([&] { draw_figure(figure, {"svg"}); }, Fault::kMachine),
                  {"gnuplot failed", "line"});
}

TEST(GnuplotScript, HoldsItsDataAndNamesItsFiles) {
  const std::string script = gnuplot_script(example_figure(), {"png"});
  EXPECT_NE(script.find("1 0.25 0.125 0.375 \"tooltip 0\""), std::string::npos);
  EXPECT_NE(script.find("set output 'ex-1'.'.'.format"), std::string::npos);
  EXPECT_NE(script.find("do for [format in 'png']"), std::string::npos);
  EXPECT_NE(script.find("'It''s \"quoted\" `date` & <b>'"), std::string::npos);
}

TEST(FigureCsv, HoldsEveryPointAndRule) {
  Figure figure = example_figure();
  figure.panels.resize(1);
  figure.panels[0].title = "P";
  EXPECT_EQ(figure_csv(figure),
            "panel,series,label,x,y,low,high,chosen\n"
            "P,A's,\"Cars, A's\",1,0.25,0.125,0.375,false\n"
            "P,A's,DTD & <x>,2,0.75,,,true\n"
            "P,A's,SVHN,2,0.5,,,false\n"
            "P,k,k,1.5,,,,false\n"
            "P,Mean,Mean,,0.6,,,false\n");
}

TEST(FigureCsv, HoldsEveryCellOfAHeatMap) {
  Figure figure;
  figure.panels.emplace_back();
  figure.panels[0].heat_map = HeatMap{{"r"}, {"c", "d"}, {{0.125, -1}}, 2};
  EXPECT_EQ(figure_csv(figure), "panel,row,column,value\n,r,c,0.125\n,r,d,-1\n");
}

TEST(FigureLayout, KeepsPanelsAndLegendApartAndOnThePage) {
  const Figure figure = example_figure();
  const FigureLayout layout = lay_out(figure);
  EXPECT_NEAR(layout.width, 17.0 / 2.54 * 72.0, 1e-9);
  ASSERT_EQ(layout.panels.size(), 4u);
  ASSERT_EQ(layout.legend.size(), 4u);
  double lowest = layout.height;
  for (size_t i = 0; i < 4; ++i) {
    const Box& box = layout.panels[i];
    EXPECT_GT(box.left, 0.0);
    EXPECT_LT(box.right, layout.width);
    EXPECT_LT(box.top, layout.height);
    EXPECT_GT(box.right - box.left, 80.0);
    EXPECT_NEAR(box.top - box.bottom, 120.0, 1e-9);
    lowest = std::min(lowest, box.bottom);
  }
  EXPECT_LT(layout.panels[0].right, layout.panels[1].left);
  EXPECT_LT(layout.panels[3].top, layout.panels[0].bottom) << "the fourth begins a new row";
  for (const auto& [left, middle] : layout.legend) {
    EXPECT_GT(middle, 0.0);
    EXPECT_LT(middle, lowest);
    EXPECT_LT(left, layout.width);
  }
  EXPECT_LT(layout.legend[3].second, layout.legend[0].second) << "the second group is below";
}

TEST(FigureLayout, MakesRoomForLongNames) {
  Figure figure;
  figure.panels.emplace_back();
  figure.panels[0].y.names = {{0, "A"}};
  const double left = lay_out(figure).panels[0].left;
  figure.panels[0].y.names = {{0, "Latin letters on textures"}};
  EXPECT_GT(lay_out(figure).panels[0].left, left + 60.0);
  EXPECT_FALSE(lay_out(figure).has_rotated_names);
  figure.panels[0].x.names = {{0, "Latin letters on textures"}, {1, "Greek, occluded and noisy"}};
  EXPECT_TRUE(lay_out(figure).has_rotated_names);
}

}  // namespace
}  // namespace isomerge
