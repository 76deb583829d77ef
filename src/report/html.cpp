#include "report/html.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "report/cells.h"
#include "report/page_assets.h"
#include "report/svg.h"

namespace isomerge {
namespace {

// A cell that sorts by its exact value.
std::string number_cell(const std::optional<double>& value, const std::string& text,
                        const std::string& kind = "") {
  return fmt::format("<td{}{}>{}</td>", kind.empty() ? "" : fmt::format(" class=\"{}\"", kind),
                     fmt::format(" data-value=\"{}\"", value ? number_text(*value) : ""),
                     markup_escaped(text));
}

std::string heading(const std::vector<std::string>& titles) {
  std::string text = "<thead><tr>";
  for (const std::string& title : titles) {
    text +=
        fmt::format("<th scope=\"col\" aria-sort=\"none\"><button type=\"button\">{}</button></th>",
                    markup_escaped(title));
  }
  return text + "</tr></thead>\n";
}

// Wide tables scroll by themselves, with the keyboard too.
std::string sortable_table(const std::string& label, const std::string& inside) {
  return fmt::format(
      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table "
      "class=\"sortable\" aria-label=\"{0}\">\n{1}</table></div>\n",
      markup_escaped(label), inside);
}

std::string standing_class(Standing standing) {
  return standing == Standing::kBest ? "best" : standing == Standing::kSecond ? "second" : "";
}

std::string nai_text(const std::optional<double>& nai) {
  return nai ? fmt::format("{:.3f}", *nai) : "";
}

std::string record_button(const TaskCell& cell, const std::string& text) {
  if (cell.key.empty()) return "";
  return fmt::format("<button type=\"button\" class=\"record\" data-key=\"{}\">{}</button>",
                     cell.key, markup_escaped(text));
}

// The tasks of one row: what opens below it.
std::string tasks_table(const TableRow& row, const Table& table) {
  std::string text = fmt::format("<p class=\"soft\">{}</p>\n<table><thead><tr>",
                                 markup_escaped(row.chosen.empty() ? row.note : row.chosen));
  for (const char* title :
       {"Task", "Right", "Accuracy, %", "95 % interval", "Normalised, %", "NAI", "Record"}) {
    text += fmt::format("<th scope=\"col\">{}</th>", title);
  }
  text += "</tr></thead><tbody>\n";
  for (const TaskCell& cell : row.cells) {
    const std::string chosen = cell.chosen.empty() ? "" : " (" + cell.chosen + ")";
    text += fmt::format("<tr><th scope=\"row\">{}</th>",
                        markup_escaped(task_title(table, cell.task) + chosen));
    if (cell.accuracy) {
      text += fmt::format("<td>{} of {}</td><td>{}</td><td>{}</td>",
                          number_text(cell.accuracy->correct), cell.accuracy->total,
                          percent(cell.accuracy->value()),
                          interval_text(wilson_interval(*cell.accuracy)));
    } else {
      text += fmt::format("<td></td><td>{}</td><td></td>", cell.note);
    }
    text += fmt::format("<td>{}</td><td>{}</td><td>{}</td></tr>\n", percent(cell.normalised),
                        nai_text(cell.nai), record_button(cell, cell.key.substr(0, 8)));
  }
  return text + "</tbody></table>";
}

// "-0.42 [-1.20, 0.35] †", in points of accuracy.
std::string difference_text(const TableRow& row) {
  if (!row.to_best) return "";
  return fmt::format("{} {}{}", percent(row.to_best->value), interval_text(row.to_best->interval),
                     row.is_tied() ? " †" : "");
}

std::string means_table(const Table& table) {
  const auto sets = task_sets(table);
  const std::vector<std::string> set_texts = task_set_texts(table, sets);
  std::vector<std::string> titles = {"Method",        "Accuracy, %", "95 % interval",
                                     "Normalised, %", "NAI",         "Difference to best",
                                     "alpha"};
  const bool has_sets = sets.size() > 1;
  const bool without = has_without(table);
  if (without) titles.push_back(without_title(table) + ", %");
  if (has_sets) titles.insert(titles.begin() + 1, "Tasks");
  std::string text = heading(titles);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow& row = table.rows[i];
    text += fmt::format(
        "<tbody class=\"group\"><tr class=\"row\"><th scope=\"row\"><button type=\"button\" "
        "class=\"toggle\" aria-expanded=\"false\" aria-controls=\"row{}\">{}</button></th>",
        i, markup_escaped(row.title));
    if (has_sets) {
      const auto at = std::find(sets.begin(), sets.end(), task_set(row)) - sets.begin();
      text +=
          number_cell(static_cast<double>(row.cells.size()), set_texts[static_cast<size_t>(at)]);
    }
    text += number_cell(row.accuracy, row.accuracy ? percent(*row.accuracy) : row.note,
                        standing_class(row.standing));
    text += number_cell(row.interval ? std::optional(row.interval->low) : std::nullopt,
                        row.interval ? interval_text(*row.interval) : "");
    text += number_cell(row.normalised, percent(row.normalised));
    text += number_cell(row.nai, nai_text(row.nai));
    text += number_cell(row.to_best ? std::optional(row.to_best->value) : std::nullopt,
                        difference_text(row));
    text +=
        number_cell(row.alpha, alpha_text(row) + (row.selected.empty() ? "" : ", " + row.selected));
    if (without) {
      text += number_cell(row.without ? std::optional(row.without->accuracy) : std::nullopt,
                          without_text(row));
    }
    text += fmt::format(
        "</tr>\n<tr id=\"row{}\" hidden><td class=\"detail\" colspan=\"{}\">{}</td>"
        "</tr></tbody>\n",
        i, titles.size(), tasks_table(row, table));
  }
  return sortable_table("Mean over tasks", text);
}

// Methods down, tasks across.
std::string matrix_table(const Table& table, const std::vector<std::string>& set) {
  std::vector<std::string> titles = {"Method"};
  for (const std::string& task : set) titles.push_back(task_title(table, task));
  std::string text = heading(titles);
  for (const TableRow& row : table.rows) {
    if (task_set(row) != set) continue;
    text += fmt::format("<tbody class=\"group\"><tr class=\"row\"><th scope=\"row\">{}</th>",
                        markup_escaped(row.title));
    for (const TaskCell& cell : row.cells) {
      text += number_cell(cell.accuracy ? std::optional(cell.accuracy->value()) : std::nullopt,
                          cell.accuracy ? percent(cell.accuracy->value()) : cell.note);
    }
    text += "</tr></tbody>\n";
  }
  return sortable_table("Accuracy per task", text);
}

std::string matrices(const Table& table) {
  const auto sets = task_sets(table);
  const std::vector<std::string> titles = task_set_titles(table, sets);
  std::string text = "<h2>Accuracy per task, %</h2>\n";
  for (size_t i = 0; i < sets.size(); ++i) {
    text += fmt::format("<details><summary>All methods on {}</summary>\n{}</details>\n",
                        markup_escaped(titles[i]), matrix_table(table, sets[i]));
  }
  return text;
}

std::string figures_text(const std::vector<DrawnFigure>& figures) {
  if (figures.empty()) return "";
  std::string text = "<h2>Figures</h2>\n<div class=\"figures\">\n";
  for (const DrawnFigure& drawn : figures) {
    text += fmt::format(
        "<figure{}>\n<div class=\"wide\"{}>{}</div>\n<figcaption>{}</figcaption>\n"
        "</figure>\n",
        drawn.figure.is_wide ? " class=\"across\"" : "",
        drawn.figure.is_wide ? " tabindex=\"0\"" : "", inline_svg(drawn.svg),
        markup_escaped(drawn.figure.caption));
  }
  return text + "</div>\n";
}

std::string notes(const Table& table) {
  if (table.footnotes.empty()) return "";
  std::string text = "<ul class=\"notes\">\n";
  for (const std::string& note : table.footnotes) {
    text += fmt::format("<li>{}</li>\n", markup_escaped(note));
  }
  return text + "</ul>\n";
}

}  // namespace

std::string html_text(const Table& table, const std::vector<DrawnFigure>& figures,
                      const ExperimentRecords& records,
                      const std::map<std::string, LogEntry>& log) {
  const std::string title = markup_escaped(table.title);
  std::string text = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" "
      "href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
      title, kPageStyle);
  text += fmt::format(
      "<h1>{}</h1>\n<p class=\"soft\">Mean accuracy over tasks, {} split. Best merged model in "
      "bold, second underlined; differences to the best with the 95 % interval of a paired "
      "bootstrap over examples. A method's name opens its tasks, a column's head sorts.</p>\n",
      title, split_text(table.split));
  text += means_table(table) + notes(table) + figures_text(figures) + matrices(table);
  text += fmt::format(
      "</main>\n<dialog aria-labelledby=\"record-title\"><h2 id=\"record-title\"></h2><button "
      "type=\"button\" class=\"close\" "
      "aria-label=\"Close\">\u00d7</button><dl></dl></dialog>\n<div "
      "id=\"tip\" role=\"status\" hidden></div>\n<script type=\"application/json\" "
      "id=\"records\">{}</script>\n<script>{}</script>\n</body>\n</html>\n",
      page_records(table, records, log), kPageScript);
  return text;
}

}  // namespace isomerge
