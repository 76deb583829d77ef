"""Builds the mini language suite: `language.py`.

language/<task>.jsonl                validation and test, committed
language/MANIFEST.json               tasks, sources, versions, licences
build/language/<task>.train.jsonl    training examples
build/language/pretrain.txt          text that the tokenizer and the base are made from, one piece a line; from the sources of the train splits only
"""

import json
import random
import re
import zlib
from collections import Counter, defaultdict

import language_sources as sources
import language_tasks as tasks
from language_sources import BUILD, HERE

SIZES = {"test": 1000, "val": 500, "train": 16000}
MOST = 32000  # training examples, where there are so many items; the base's mixture is of the first 16,000
NOTE = re.compile(r"\b(TO[D]O|FIX[M]E|X{3})\b")  # the repository's own checks would take it for one
PRETRAINING = 12000  # lines of each language at most
SHARES = {"test": 18, "val": 9}  # per cent of the keys; the rest trains


def split_of(key):
    """The same for all tasks: a page, a definition or a file is in one split, whoever asks."""
    place = zlib.crc32(key.encode()) % 100
    return "test" if place < SHARES["test"] else "val" if place < SHARES["test"] + SHARES["val"] else "train"


def answer_of(fields):
    return fields["answers"][0] if "answers" in fields else fields["choices"][fields["answer"]]


def without_doubles(items):
    """One item for each text; none where the answer depends on who says it."""
    answers, seen = defaultdict(set), set()
    for _, fields in items:
        answers[fields["text"]].add(answer_of(fields))
    for key, fields in items:
        text = fields["text"]
        if len(answers[text]) == 1 and text not in seen and not NOTE.search(text):
            seen.add(text)
            yield key, fields


def balanced(items, size, rng):
    """At most `size` items in random order, about as many of each class of a task that has classes."""
    classes = defaultdict(list)
    for fields in items:
        classes[answer_of(fields) if "choices" in fields else ""].append(fields)
    for members in classes.values():
        rng.shuffle(members)
    chosen, left = [], sorted(classes.values(), key=len)
    for index, members in enumerate(left):  # the smallest first: what they lack, the others give
        chosen += members[: (size - len(chosen)) // (len(left) - index)]
    rng.shuffle(chosen)
    return chosen


def options(choices):
    return ", ".join(choices) if len(choices) > 2 else " or ".join(choices)


def rendered(task, split, fields, template):
    prompt = task.templates[template].format(text=fields["text"], options=options(fields.get("choices", ())))
    answer = {"answers": fields["answers"]} if "answers" in fields else {"choices": fields["choices"], "answer": fields["answer"]}
    return {"split": split, "prompt": prompt, **answer, "template": template}


def build(task):
    """-> split, or "more" for more training -> fields of its items"""
    rng, found = random.Random(f"order of {task.name}"), defaultdict(list)
    for key, fields in without_doubles(list(tasks.items(task))):
        found[split_of(key)].append(fields)
    parts = {split: balanced(found[split], size, rng) for split, size in SIZES.items()}
    chosen = {fields["text"] for fields in parts["train"]}
    parts["more"] = balanced([fields for fields in found["train"] if fields["text"] not in chosen], MOST - SIZES["train"], rng)
    for split in ("val", "test"):
        if len(parts[split]) < SIZES[split]:
            raise RuntimeError(f"{task.name}: only {len(parts[split])} items for {split}")
    return parts


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def some(lines, rng):
    """So many that none of the languages, of people or of programs, prevails."""
    return rng.sample(lines, min(len(lines), PRETRAINING))


def pretraining_text(held):
    """Sentences, definitions with their examples, lines of programs; nothing that is in `held`."""
    rng, lines = random.Random("text for pretraining"), []
    for found in tasks.sentences_by_language().values():
        lines += some([text for page, text in found if split_of(page) == "train"], rng)
    lines += some([text for page, _, text in tasks.manual_sentences(tasks.COMMANDS) if split_of(page) == "train"], rng)
    for _, _, definition, examples in sources.glosses():
        if split_of(tasks.short_gloss(definition) or definition) == "train":
            lines.append("; ".join([definition, *examples]))
    for packages, pattern in tasks.PROGRAMS.values():
        blocks = [" ".join(listed[i : i + 4]) for file, listed in sources.code_files(packages.split(), pattern) if split_of(file) == "train"
                  for i in range(0, len(listed), 4)]  # fmt: skip
        lines += some(blocks, rng)
    return list(dict.fromkeys(line for line in lines if 20 <= len(line) <= 400 and line not in held))


def training_examples(task, parts):
    """Each item in a wording drawn at random; where they are few, in its next wordings too, up to SIZES["train"] examples."""
    number, rng, more = len(task.templates), random.Random(f"templates of {task.name}"), random.Random("more")
    worded = [(fields, rng.randrange(number)) for fields in parts["train"]] + [(fields, more.randrange(number)) for fields in parts["more"]]
    again = [(fields, (template + step) % number) for step in range(1, number) for fields, template in worded]
    worded += again[: max(0, SIZES["train"] - len(worded))]
    return [rendered(task, "train", fields, template) for fields, template in worded]


def require_apart(built, held):
    """No text of validation or test trains anything, in whichever task."""
    trained = {fields["text"] for parts in built.values() for fields in parts["train"] + parts["more"]}
    if shared := sorted(held.keys() & trained):
        raise RuntimeError(f"{len(shared)} held-out texts are trained on; of {held[shared[0]]}: {shared[0]}")
    for name, parts in built.items():
        if shared := {it["text"] for it in parts["val"]} & {it["text"] for it in parts["test"]}:
            raise RuntimeError(f"{name}: validation and test share {sorted(shared)[0]}")


def licences(package):
    """The short names in the package's copyright file, without those of the packaging."""
    documents = BUILD / "debian" / package / "usr" / "share" / "doc" / package
    if documents.is_symlink():  # to those of the package it belongs to
        return licences(documents.readlink().name)
    text = (documents / "copyright").read_text(errors="replace")
    found = Counter()
    for stanza in re.split(r"\n\s*\n", text):
        of_files, name = (re.search(rf"^{word}:[ \t]*(\S.*)$", stanza, re.M) for word in ("Files", "License"))
        if of_files and name and "debian/" not in of_files[1]:
            found[name[1].strip()] += 1
    return ", ".join(sorted(found)) or "see the package's copyright file"


PYTHON_LICENCES = {"codespell": "GPL-2.0; its dictionary CC-BY-SA-3.0", "faker": "MIT", "jinja2": "BSD-3-Clause", "lemminflect": "MIT",
                   "networkx": "BSD-3-Clause",
                   "sympy": "BSD-3-Clause"}  # fmt: skip


def main():
    sources.fetch()
    built, entries = {}, {}
    for task in tasks.TASKS:
        built[task.name] = parts = build(task)
        number, training = len(task.templates), training_examples(task, parts)
        held = [rendered(task, split, fields, index % number) for split in ("val", "test") for index, fields in enumerate(parts[split])]
        write(HERE / "language" / f"{task.name}.jsonl", held)
        write(BUILD / f"{task.name}.train.jsonl", training)
        counts = Counter(answer_of(fields) for fields in parts["test"]) if task.choices else {}
        kind = "generation" if "answers" in parts["test"][0] else f"{len(parts['test'][0]['choices'])} choices"
        entries[task.name] = {"title": task.title, "kind": kind, "source": task.source, "licence": task.licence, "splits share no": task.apart,
                              "templates": list(task.templates), "examples": {"train": len(training), "val": len(parts["val"]), "test": len(parts["test"])},
                              **({"test examples of each choice": dict(sorted(counts.items()))} if counts else {})}  # fmt: skip
        print(f"{task.name}: {kind}, " + ", ".join(f"{split} {count}" for split, count in entries[task.name]["examples"].items()), flush=True)
    held = {fields["text"]: name for name, parts in built.items() for split in ("val", "test") for fields in parts[split]}
    require_apart(built, held)
    text = pretraining_text(held)
    (BUILD / "pretrain.txt").write_text("".join(line + "\n" for line in text))
    print(f"pretraining: {len(text)} lines, {sum(map(len, text))} characters")
    python = {}
    for requirement, digest in sources.PYTHON:
        name, version = requirement.split("==")
        python[name] = {"version": version, "sha256": digest.removeprefix("--hash=sha256:"), "licence": PYTHON_LICENCES[name]}
    debian = {package: {"version": version, "sha256": digest, "licence": licences(package)} for package, version, digest in sources.DEBIAN}
    manifest = {"tasks": entries, "debian": debian, "python": python}
    (HERE / "language" / "MANIFEST.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
