#!/usr/bin/env python3
"""Prints how one CSV table differs from another, cell by cell: compare_tables.py REFERENCE TABLE.

Rows are matched by method, title and number of tasks, columns by their heading. Numbers are compared as numbers and
the difference is printed; everything else as text. Exit code 0 whether they differ or not (another
processor rounds differently, and the reader is to judge), 2 if a file cannot be read.
"""

import csv
import sys

KEYS = ("method", "title", "tasks")


def read(path):
    """Returns the headings and {row name: {heading: cell}}, both in file order."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = {", ".join(row[key] for key in KEYS): row for row in reader}
    except OSError as error:
        sys.exit(print(f"{path}: {error.strerror}", file=sys.stderr) or 2)
    except KeyError as error:
        sys.exit(print(f"{path}: has no column {error}", file=sys.stderr) or 2)
    return [name for name in reader.fieldnames or () if name not in KEYS], rows


def difference(was, now):
    """Text that tells what changed between two cells, or None."""
    if was == now:
        return None
    try:
        return f"{was} -> {now} ({float(now) - float(was):+.4g})"
    except (TypeError, ValueError):
        return f"{'nothing' if was is None else was} -> {'nothing' if now is None else now}"


def main():
    if len(sys.argv) != 3:
        sys.exit(print(__doc__, file=sys.stderr) or 2)
    old_heading, old = read(sys.argv[1])
    new_heading, new = read(sys.argv[2])
    cells, found = 0, []
    for row in list(old) + [row for row in new if row not in old]:
        if row not in new or row not in old:
            found.append(f"  {row}: only in {sys.argv[1] if row in old else sys.argv[2]}")
            continue
        for column in old_heading + [name for name in new_heading if name not in old_heading]:
            cells += 1
            change = difference(old[row].get(column), new[row].get(column))
            if change:
                found.append(f"  {row}, {column}: {change}")
    if found:
        print(f"Differences from {sys.argv[1]} ({len(found)}):")
        print("\n".join(found))
    else:
        print(f"All {cells} cells of {len(old)} rows equal {sys.argv[1]}.")


main()
