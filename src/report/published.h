// report/published.h -- what a paper says of the rows of a table.
#pragma once

#include <string>

#include "report/table.h"

namespace isomerge {

// Sets `published` of the rows whose method and number of tasks the file knows, and lists in a
// footnote what other methods it has on as many tasks.
//
// where   "FILE.csv#TABLE": lines with the columns table, method, tasks, accuracy, normalised (one
//         of the two may be empty); numbers in percent. Only lines of TABLE count; without #TABLE
//         all. Rows of one method that differ in options have the same beside them.
// throws  Error(kInput) naming the file, and the line where there is one.
void add_published(const std::string& where, Table* table);

}  // namespace isomerge
