#!/usr/bin/env python3
"""Checks who includes whom: layering.py TREE [LAYERS]. Prints every violation; exit code 1 if any.

TREE holds src/, tests/ and perhaps README.md; LAYERS is the table, tests/build/layers.txt of TREE.
"""

import fnmatch
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
# Whole-library headers: ten seconds and a gigabyte for every file that includes one.
NEVER = {"torch/torch.h", "torch/all.h", "torch/extension.h", "ATen/ATen.h", "ATen/Functions.h"}
STRANGERS = [("merge", "eval"), ("eval", "merge")]  # meet only in experiment and app
WITHOUT_LIBTORCH = ["config", "metric", "store", "report"]
problems = []


def report(place, text):
    problems.append(f"{place}: {text}")


def read_layers(path):
    """Returns {library: [pattern]}, {room: {room}}, {room: [library clause]}."""
    libraries, rooms, clauses = {}, {}, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "library" and len(words) > 2:
            libraries[words[1]] = words[2:]
        elif words[0] == "room" and words.count("|") == 1:
            bar = words.index("|")
            rooms[words[1]] = set(words[2:bar]) - {"-"}
            clauses[words[1]] = [word for word in words[bar + 1:] if word != "-"]
        else:
            report(f"{path}:{number}", f"not understood: {line.strip()}")
    for room, allowed in rooms.items():
        for name in allowed - set(rooms):
            report(path, f"room {room} may include {name}, which is not a room")
        for clause in clauses[room]:
            if re.split(r"[.@]", clause)[0] not in libraries:
                report(path, f"room {room} may use {clause}, which is not a library")
    return libraries, rooms, clauses


def closure(room, rooms):
    """All rooms that `room` reaches, itself included only if there is a cycle."""
    reached, todo = set(), list(rooms[room])
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += rooms.get(name, ())
    return reached


def check_table(path, rooms, clauses):
    """Rules that no edit of the table may give up."""
    for room in rooms:
        if room in closure(room, rooms):
            report(path, f"room {room} reaches itself")
    for room, stranger in STRANGERS:
        if room in rooms and stranger in closure(room, rooms):
            report(path, f"{room} must never reach {stranger}")
    for room in WITHOUT_LIBTORCH:
        for name in {room} | closure(room, rooms) if room in rooms else ():
            if any(clause.startswith(("aten", "torchscript")) for clause in clauses.get(name, ())):
                report(path, f"{room} must do without LibTorch, but reaches it through {name}")


def library_of(header, libraries):
    """Name of the library a <...> include belongs to, None for the standard library and POSIX."""
    for name, patterns in libraries.items():
        if any(fnmatch.fnmatchcase(header, pattern) for pattern in patterns):
            return name
    if re.fullmatch(r"[a-z_0-9]+|[a-z_0-9]+\.h|(sys|arpa|netinet)/[a-z_0-9]+\.h", header):
        return None
    return "?"


def allowed_library(library, file, clauses):
    for clause in clauses:
        if clause in (library, f"{library}@{file.name}"):
            return True
        if clause == f"{library}.cpp" and file.suffix == ".cpp":
            return True
    return False


def check_file(tree, file, room, libraries, rooms, clauses):
    text = file.read_text()
    place = file.relative_to(tree)
    if file.suffix == ".h" and not re.search(r"^#pragma once$", text, re.MULTILINE):
        report(place, "has no #pragma once")
    for match in INCLUDE.finditer(text):
        kind, header = match.groups()
        line = f"{place}:{text.count(chr(10), 0, match.start()) + 1}"
        if header in NEVER:
            report(line, f"<{header}> is never included: take ATen/core/Tensor.h and ATen/ops/*.h")
        elif room is None:
            continue  # a test may use every room and library
        elif kind == '"':
            target = header.split("/")[0]
            if not (tree / "src" / header).is_file():
                report(line, f'"{header}": no such file under src/')
            elif target != room and target not in rooms[room]:
                report(line, f'{room} may not include {target} ("{header}")')
        else:
            library = library_of(header, libraries)
            if library == "?":
                report(line, f"<{header}> belongs to no library of the table")
            elif library and not allowed_library(library, file, clauses[room]):
                report(line, f"<{header}>: {library} is not allowed in this file")


def check_build_lists(tree, rooms):
    """Rooms and test folders that the build does not know are never compiled."""
    lists = {path: (tree / path).read_text() if (tree / path).exists() else None
             for path in ("CMakeLists.txt", "tests/CMakeLists.txt")}
    for room in rooms:
        if lists["CMakeLists.txt"] and f"src/{room}/*.cpp" not in lists["CMakeLists.txt"]:
            report("CMakeLists.txt", f"src/{room}/*.cpp is not built")
    for folder in {file.parent.name for file in tree.glob("tests/*/*_test.cpp")}:
        if lists["tests/CMakeLists.txt"] and not re.search(rf"\b{folder}\b",
                                                          lists["tests/CMakeLists.txt"]):
            report("tests/CMakeLists.txt", f"tests/{folder}/*_test.cpp is not built")


def check_readme(tree, rooms):
    """README.md, where there is one, names the rooms in a table or list under "## Rooms"."""
    readme = tree / "README.md"
    if not readme.exists():
        return
    section = re.search(r"^## Rooms$(.*?)(?=^## |\Z)", readme.read_text(), re.MULTILINE | re.DOTALL)
    if not section:
        return report("README.md", 'has no section "## Rooms"')
    named = set(re.findall(r"^\s*(?:\||[-*])\s*\**`(?:src/)?([a-z_]+)/?`", section[1], re.MULTILINE))
    for room in sorted(set(rooms) - named):
        report("README.md", f'room {room} is missing under "## Rooms"')
    for room in sorted(named - set(rooms)):
        report("README.md", f'names room {room} under "## Rooms", which the table does not')


def main():
    tree = Path(sys.argv[1]).resolve()
    table = Path(sys.argv[2]) if len(sys.argv) > 2 else tree / "tests/build/layers.txt"
    libraries, rooms, clauses = read_layers(table)
    check_table(table.name, rooms, clauses)
    folders = {path.name for path in (tree / "src").iterdir() if path.is_dir()}
    for room in sorted(folders - set(rooms)):
        report(f"src/{room}", f"room is not in {table.name}")
    for room in sorted(set(rooms) - folders):
        report(table.name, f"room {room} does not exist in src/")
    files = [file for top in ("src", "tests") for file in sorted((tree / top).rglob("*"))
             if file.is_file() and file.suffix in (".h", ".cpp", ".hpp", ".cc", ".cxx")]
    for file in files:
        parts = file.relative_to(tree).parts
        if file.suffix not in (".h", ".cpp"):
            report("/".join(parts), "sources end in .cpp, headers in .h: this one is not built")
        elif parts[0] == "tests":
            check_file(tree, file, None, libraries, rooms, clauses)
        elif len(parts) != 3:
            report("/".join(parts), "a source lies in a room: src/<room>/<file>")
        elif parts[1] in rooms:
            check_file(tree, file, parts[1], libraries, rooms, clauses)
    check_build_lists(tree, rooms)
    check_readme(tree, rooms)
    for problem in problems:
        print(problem)
    print(f"layering: {len(files)} files in {len(rooms)} rooms, {len(problems)} problems")
    sys.exit(1 if problems or not files else 0)


main()
