"""Makes what isomerge evaluates and trains on from a language dataset as its authors publish it (README.md, "Published datasets").

    .venv/bin/python data/convert_text.py paws ~/data --templates ~/promptsource --out data/language    one of them, or several
    .venv/bin/python data/convert_text.py all ~/data --templates ~/promptsource --out data/language     those that are there; the others are listed
    .venv/bin/python data/convert_text.py --list                                                        what each one needs

OUT/<name>.jsonl has validation and test, each example in one wording, OUT/<name>.train.jsonl training, each example in all wordings. What is held
out, and which templates word it, is as in the code of MaTS. The templates are those of promptsource 0.2.3. Exit code 1 if one of several could not be
made.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from files import Missing, why
from text_sources import DATASETS, examples


def line(dataset, split, example, wordings, number):
    """An example in one wording, as a line of a text dataset."""
    place, fields, answer = example
    prompt, target, choices = wordings[number].apply(place, fields)
    if dataset.labels is None:
        answers = [text.strip() for text in fields["answers"]["text"]]
        right, rest = answers[0], {"answers": answers}
    else:
        if choices is None or len(choices) != len(dataset.labels[1]):
            raise Missing(f"{place}: {wordings[number].place}: expected {len(dataset.labels[1])} choices, found {0 if choices is None else len(choices)}")
        right, rest = choices[answer], {"choices": choices, "answer": answer}
    if target != right:
        raise Missing(f'{place}: {wordings[number].place}: its target is "{target}", but the right answer is "{right}"')
    if not all([prompt, *(choices or rest["answers"])]):
        raise Missing(f"{place}: {wordings[number].place}: its prompt or one of the answers is empty")
    return {"split": split, "prompt": prompt, **rest, "template": number}


def write(path, lines):
    """How many there were."""
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for count, content in enumerate(lines, 1):
            file.write(json.dumps(content, ensure_ascii=False) + "\n")
    return count


def make(name, root, out, args):
    """Writes both files of a dataset, or none."""
    from text_templates import wordings
    dataset = DATASETS[name]
    templates, found, digest = wordings(args.templates.expanduser(), dataset.templates, "Accuracy" if dataset.labels else "Squad", dataset.without)
    train, source = examples(dataset, name, root, 0)
    if len(train) <= dataset.held_out:
        raise Missing(f"{source}: expected more than the {dataset.held_out} examples that are validation, found {len(train)}")
    val, train = train[-dataset.held_out:], train[:-dataset.held_out]
    if name == "qasc" and args.qasc_test == "val":
        test, notes = val, ["test is validation again, as in MaTS (--qasc-test dev for the development file)"]
    else:
        test, notes = examples(dataset, name, root, 1)[0], []
    if (len(train) + len(val), len(test)) != (dataset.sizes[0], dataset.sizes[1] if not notes else len(val)):
        notes.append(f"{len(train) + len(val)} and {len(test)} examples, but {dataset.sizes[0]} and {dataset.sizes[1]} are published")
    if digest != dataset.digest:
        notes.append(f"{templates} is not the file of promptsource 0.2.3")
    files = {out / f"{name}.jsonl": (line(dataset, split, example, found, position % len(found))
                                     for split, part in (("val", val), ("test", test)) for position, example in enumerate(part)),
             out / f"{name}.train.jsonl": (line(dataset, "train", example, found, number) for example in train for number in range(len(found)))}
    temporary = {path: path.with_name(path.name + ".tmp") for path in files}
    try:
        lines = [write(temporary[path], lines) for path, lines in files.items()]
        for path in files:
            os.replace(temporary[path], path)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
    return f"{len(val)} val, {len(test)} test, {lines[1]} train in {len(found)} wordings", notes


def convert(name, root, out, args):
    """True if it was made; prints what became of it."""
    try:
        made, notes = make(name, root, out, args)
    except (Missing, ValueError, ImportError, OSError) as fault:
        print(f"{name}: not made: {why(fault)}", file=sys.stderr)
        return False
    print(f"{name}: {made}")
    for note in notes:
        print(f"{name}: note: {note}", file=sys.stderr)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="NAME ... ROOT", help="names or all, then the folder they are in, as their archives unpack")
    parser.add_argument("--templates", type=Path, metavar="DIR", help="a checkout of promptsource, tag v0.2.3")
    parser.add_argument("--out", type=Path, default=Path("data/language"))
    parser.add_argument("--qasc-test", choices=("val", "dev"), default="val",
                        help="what QASC is tested on: its validation examples, as in MaTS (the default), or its development file")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        for name, dataset in DATASETS.items():
            files = ", ".join(filter(None, (dataset.train, dataset.test, dataset.beside)))
            print(f"{name:<12} {dataset.folder}/{{{files}}}, or the hub's {dataset.templates}/{{{','.join(dataset.parts)}}}-*.parquet")
        return 0
    if len(args.datasets) < 2:
        parser.error("expected names of datasets, then the folder they are in")
    if args.templates is None:
        parser.error("expected --templates, a checkout of promptsource")
    *names, root = args.datasets
    unknown = [name for name in names if name not in DATASETS and name != "all"]
    if unknown:
        parser.error(f"no dataset {', '.join(unknown)}; there are {', '.join(DATASETS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    made = [convert(name, Path(root).expanduser().resolve(), args.out.resolve(), args) for name in (DATASETS if "all" in names else names)]
    return 0 if all(made) else 1


if __name__ == "__main__":
    sys.exit(main())
