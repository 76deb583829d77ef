"""The eleven language datasets, small, in their authors' formats and as parquet, through data/convert_text.py with the templates of promptsource 0.2.3:
every prompt, target and list of choices is compared with what promptsource itself makes of the same example, and isomerge evaluates the outcome."""
import json
import pathlib
import subprocess
import sys

import promptsource.templates as promptsource
import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "build"))
from text_trees import TEST, TREES, parts, plant

TEMPLATES = pathlib.Path(promptsource.__file__).parents[1]
NAMES = {  # name -> (dataset and configuration on the hub, how many templates MaTS uses, column of the answer, its values)
    "cosmos_qa": (("cosmos_qa",), 10, "label", (0, 1, 2, 3)), "social_iqa": (("social_i_qa",), 4, "label", ("1", "2", "3")),
    "paws": (("paws", "labeled_final"), 11, "label", (0, 1)), "quail": (("quail",), 10, "correct_answer_id", (0, 1, 2, 3)),
    "wiki_qa": (("wiki_qa",), 5, "label", (0, 1)), "quartz": (("quartz",), 8, "answerKey", "AB"), "qasc": (("qasc",), 5, "answerKey", "ABCDEFGH"),
    "ropes": (("ropes",), 10, None, None), "story_cloze": (("story_cloze", "2016"), 5, "answer_right_ending", (1, 2)),
    "winogrande": (("winogrande", "winogrande_xl"), 5, "answer", "12"), "wsc": (("super_glue", "wsc.fixed"), 10, "label", (0, 1)),
}


def templates_of(name):
    metric = "Squad" if name == "ropes" else "Accuracy"
    found = [template for template in promptsource.DatasetTemplates(*NAMES[name][0]).templates.values()
             if template.metadata.original_task and all(used == metric for used in template.metadata.metrics)
             and template.name != "Check if a random answer is valid or not"]
    assert len(found) == NAMES[name][1], f"{name}: {len(found)} templates"
    return found


def expected(split, example, template, number, column, values):
    prompt, target = template.apply(example)
    choices = template.get_answer_choices_list(example)
    if choices is None:
        assert target in example["answers"]["text"]
        return {"split": split, "prompt": prompt, "answers": example["answers"]["text"], "template": number}
    answer = list(values).index(example[column])
    assert choices[answer] == target
    return {"split": split, "prompt": prompt, "choices": choices, "answer": answer, "template": number}


def convert(name, root, out, *more):
    run = subprocess.run([sys.executable, ROOT / "data" / "convert_text.py", name, root, "--templates", TEMPLATES, "--out", out, *more],
                         capture_output=True, text=True)
    assert run.returncode == 0, f"{name}: {run.stderr}"
    assert "is not the file of promptsource" not in run.stderr, run.stderr
    return [(out / f"{name}{kind}.jsonl").read_bytes() for kind in ("", ".train")]


def check(name, folder):
    held_out, templates = TREES[name][0], templates_of(name)
    train, test = parts(name)
    train, val = train[:-held_out], train[-held_out:]
    rest = NAMES[name][2:]
    held = [expected(split, example, templates[i % len(templates)], i % len(templates), *rest)
            for split, part in (("val", val), ("test", test)) for i, example in enumerate(part)]
    trained = [expected("train", example, template, number, *rest) for example in train for number, template in enumerate(templates)]
    plant(folder / "originals", name)
    made = convert(name, folder / "originals", folder / "made", *(["--qasc-test", "dev"] if name == "qasc" else []))
    for wanted, content in zip((held, trained), made):
        found = [json.loads(line) for line in content.decode().splitlines()]
        assert len(found) == len(wanted), f"{name}: {len(found)} lines, expected {len(wanted)}"
        for number, pair in enumerate(zip(found, wanted), 1):
            assert pair[0] == pair[1], f"{name}, line {number}: {pair[0]}\nexpected {pair[1]}"
    print(f"{name}: {len(held)} + {len(trained)} lines in {len(templates)} wordings are promptsource's")
    return made


def hub(name, folder, made):
    """The same from the hub's parquet files, to the byte, in one of the layouts that the hub has."""
    inner, between = (("", "-"), ("data", "-"), ("default", "/"), ("plain_text", "-"), (name, "/"))[list(TREES).index(name) % 5]
    where = folder / "hub" / "/".join(NAMES[name][0]) / inner
    for part, examples in zip(("validation", "test") if name == "story_cloze" else ("train", "validation"), parts(name)):
        half = len(examples) // 2  # in two files
        for number, piece in enumerate((examples[:half], examples[half:])):
            path = where / f"{part}{between}{number:05d}-of-00002.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(piece), path)
    again = convert(name, folder / "hub", folder / "again", *(["--qasc-test", "dev"] if name == "qasc" else []))
    assert again == made, f"{name}: from parquet files it is another dataset"


def refuses(folder, path, content, says):
    """A parquet file that is none, or whose one row lacks something."""
    name, path = path.split("/")[0].replace("social_i_qa", "social_iqa"), folder / "hub" / path
    path.write_bytes(content) if isinstance(content, bytes) else pyarrow.parquet.write_table(pyarrow.Table.from_pylist([content]), path)
    run = subprocess.run([sys.executable, ROOT / "data" / "convert_text.py", name, folder / "hub", "--templates", TEMPLATES, "--out", folder / "no"],
                         capture_output=True, text=True)
    assert run.returncode == 1 and f"{path}: {says}" in run.stderr and not list((folder / "no").iterdir()), run.stderr
    print(f"refused: {run.stderr.strip()[-150:]}")


def evaluate(isomerge, folder):
    """The program answers the test examples of all eleven with the mini suite's T5."""
    mini = ROOT / "models" / "mini" / "t5"
    suite = {"title": "eleven", "model": str(mini / "model.pt"), "base": str(mini / "base.safetensors"), "tokenizer": str(mini / "spiece.model"),
             "tasks": [{"name": name, "title": name, "expert": f"{name}.safetensors", "data": str(folder / "made" / f"{name}.jsonl")} for name in TREES]}
    (folder / "suite.json").write_text(json.dumps(suite))
    run = subprocess.run([isomerge, "evaluate", "--quiet", "--json", "--threads", "1", "--split", "test", folder / "suite.json",
                          "--weights", mini / "base.safetensors"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answered = [(task["task"], task["total"]) for task in json.loads(run.stdout)["tasks"]]
    assert answered == [(name, TEST) for name in TREES], answered
    print(f"isomerge answered {len(answered)} x {TEST}")


def main():
    isomerge, scratch = sys.argv[1:]
    folder = pathlib.Path(scratch)
    for name in TREES:
        hub(name, folder, check(name, folder))
    refuses(folder, "quail/plain_text/train-00001-of-00002.parquet", b"PAR1 is how it begins", "Could not open Parquet input source")
    refuses(folder, "social_i_qa/data/validation-00001-of-00002.parquet", {"context": "only"}, 'row 1: expected "question", found context')
    refuses(folder, "ropes/default/train/00001-of-00002.parquet",
            {"background": "b", "situation": "s", "question": "q", "answers": ["a"]}, 'row 1: expected "answers.text", found list')
    evaluate(isomerge, folder)


main()
