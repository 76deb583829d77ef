// report/page_assets.h -- the style and the script of the HTML page, as they stand in it.
#pragma once

namespace isomerge {

// Light and dark by the reader's setting, from 360 pixels up, and for paper.
extern const char* const kPageStyle;

// Sorts tables by a column, opens the tasks of a row, shows records and what a point is. Without it
// everything but the records can be read.
extern const char* const kPageScript;

}  // namespace isomerge
