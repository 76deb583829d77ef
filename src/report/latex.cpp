#include "report/latex.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "report/cells.h"

namespace isomerge {
namespace {

using Lines = std::vector<std::vector<std::string>>;  // the first is the heading

std::string ranked(Standing standing, const std::string& text) {
  switch (standing) {
    case Standing::kBest:
      return "\\textbf{" + text + "}";
    case Standing::kSecond:
      return "\\underline{" + text + "}";
    case Standing::kNone:
      break;
  }
  return text;
}

std::string mean_text(const TableRow& row) {
  if (!row.accuracy) return latex_escaped(row.note);
  std::string text = ranked(row.standing, percent(*row.accuracy));
  if (row.normalised) text += fmt::format(" ({})", percent(*row.normalised));
  return (row.is_tied() ? "$^\\dagger$" : "") + text;
}

// Aligned in the source too, so that changes show line by line.
std::string tabular(const Lines& lines) {
  std::vector<size_t> widths(lines.front().size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text =
      fmt::format("\\begin{{tabular}}{{l{}}}\n\\toprule\n", std::string(widths.size() - 1, 'r'));
  for (size_t number = 0; number < lines.size(); ++number) {
    for (size_t i = 0; i < widths.size(); ++i) {
      text += fmt::format("{}{:<{}}", i == 0 ? "" : " & ", lines[number][i], widths[i]);
    }
    text += " \\\\\n";
    if (number == 0) text += "\\midrule\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string floating(const std::string& caption, const std::string& label, const Lines& lines) {
  return fmt::format(
      "\\begin{{table*}}\n\\centering\n\\caption{{{}}}\n\\label{{{}}}\n\\small\n{}\\end{{table*}}"
      "\n",
      caption, label, tabular(lines));
}

// Which rows are best and second on one task.
std::map<const TableRow*, Standing> task_standings(const std::vector<const TableRow*>& rows,
                                                   size_t task) {
  std::vector<double> values;
  for (const TableRow* row : rows) {
    const bool takes_part = row->standing != Standing::kNone || row->to_best;
    if (takes_part) values.push_back(row->cells[task].accuracy->value());
  }
  std::sort(values.rbegin(), values.rend());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::map<const TableRow*, Standing> standings;
  for (const TableRow* row : rows) {
    if (row->standing == Standing::kNone && !row->to_best) continue;
    const double value = row->cells[task].accuracy->value();
    if (value == values[0]) standings[row] = Standing::kBest;
    if (values.size() > 1 && value == values[1]) standings[row] = Standing::kSecond;
  }
  return standings;
}

Lines task_lines(const Table& table, const std::vector<std::string>& set) {
  std::vector<const TableRow*> rows;
  Lines lines = {{"Task"}};
  for (const TableRow& row : table.rows) {
    if (task_set(row) != set) continue;
    rows.push_back(&row);
    lines[0].push_back(latex_escaped(row.title));
  }
  for (size_t task = 0; task < set.size(); ++task) {
    lines.push_back({latex_escaped(task_title(table, set[task]))});
    auto standings = task_standings(rows, task);
    for (const TableRow* row : rows) {
      const TaskCell& cell = row->cells[task];
      lines.back().push_back(cell.accuracy ? ranked(standings[row], percent(cell.accuracy->value()))
                                           : latex_escaped(cell.note));
    }
  }
  return lines;
}

}  // namespace

std::string latex_escaped(const std::string& text) {
  static const std::map<char, std::string> kSpecial = {{'&', "\\&"},
                                                       {'%', "\\%"},
                                                       {'$', "\\$"},
                                                       {'#', "\\#"},
                                                       {'_', "\\_"},
                                                       {'{', "\\{"},
                                                       {'}', "\\}"},
                                                       {'~', "\\textasciitilde{}"},
                                                       {'^', "\\textasciicircum{}"},
                                                       {'\\', "\\textbackslash{}"},
                                                       {'\n', " "}};
  std::string out;
  for (const char c : text) {
    const auto special = kSpecial.find(c);
    out += special == kSpecial.end() ? std::string(1, c) : special->second;
  }
  for (size_t at = out.find("†"); at != std::string::npos; at = out.find("†", at)) {
    out.replace(at, std::string("†").size(), "$\\dagger$");
  }
  return out;
}

std::string latex_text(const Table& table) {
  std::string caption = fmt::format(
      "{}: mean accuracy over tasks in percent, {} split; in parentheses normalised by the "
      "fine-tuned models. Best merged model in bold, second underlined.",
      latex_escaped(table.title), latex_escaped(split_text(table.split)));
  for (const std::string& note : table.footnotes) caption += " " + latex_escaped(note);
  std::string text = "% Needs \\usepackage{booktabs}.\n";
  text += floating(caption, "tab:means", mean_lines_by_title(table, latex_escaped, mean_text));
  const auto sets = task_sets(table);
  const std::vector<std::string> titles = task_set_titles(table, sets);
  for (size_t i = 0; i < sets.size(); ++i) {
    const std::string of_set = sets.size() > 1 ? ", " + latex_escaped(titles[i]) : "";
    const std::string task_caption =
        fmt::format("{}{}: accuracy per task in percent, {} split.", latex_escaped(table.title),
                    of_set, latex_escaped(split_text(table.split)));
    text += "\n" +
            floating(task_caption, fmt::format("tab:tasks{}", i + 1), task_lines(table, sets[i]));
  }
  return text;
}

std::string latex_figures_text(const std::vector<Figure>& figures) {
  std::string text = "% Needs \\usepackage{graphicx}.\n";
  for (const Figure& figure : figures) {
    const char* kind = figure.is_wide ? "figure*" : "figure";
    text += fmt::format(
        "\n\\begin{{{0}}}\n\\centering\n\\includegraphics{{{1}.pdf}}\n\\caption{{{2}}}\n"
        "\\label{{fig:{1}}}\n\\end{{{0}}}\n",
        kind, figure.name, latex_escaped(figure.caption));
  }
  return text;
}

}  // namespace isomerge
