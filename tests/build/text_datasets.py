"""data/convert_text.py on made-up originals of all eleven datasets, with templates of our own wording: each line of what it writes, and what it refuses."""

import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "data")]
import convert_text
from text_trees import LONG, TREES, as_wsc, parts, plant
from text_wordings import WORDINGS, expected, plant_templates, shown, template, worded

def converted(folder, *arguments):
    """Exit code, and what was said."""
    said, argv = io.StringIO(), sys.argv
    sys.argv = ["convert_text.py", *map(str, arguments), "--templates", str(folder / "templates"), "--out", str(folder / "out")]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = convert_text.main()
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = argv
    return code, said.getvalue()


def check_lines(folder):
    """All eleven at once, to the byte, and the same again."""
    plant_templates(folder / "templates")
    for name in TREES:
        plant(folder / "in", name)
    code, said = converted(folder, "all", folder / "in")
    assert code == 0, said
    for name, (held_out, *_) in TREES.items():
        count = len(WORDINGS[name][2])
        train, test = parts(name)
        train, val = train[:-held_out], train[-held_out:]
        if name == "qasc":
            test = val  # as in MaTS
        held = [expected(name, split, example, i % count) for split, part in (("val", val), ("test", test)) for i, example in enumerate(part)]
        trained = [expected(name, "train", example, number) for example in train for number in range(count)]
        for kind, wanted in (("", held), (".train", trained)):
            found = (folder / "out" / f"{name}{kind}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
            for number, (line, right) in enumerate(zip(found, wanted), 1):
                assert line == right, f"{name}{kind}.jsonl:{number}: {line}expected {right}"
            assert len(found) == len(wanted), f"{name}{kind}.jsonl: {len(found)} lines, expected {len(wanted)}"
        assert f"{name}: {len(val)} val, {len(test)} test, {len(trained)} train in {count} wordings" in said, said
        assert f"{name}: note: {len(train) + len(val)} and {len(test)} examples, but " in said and f"{name}: note: {folder}/templates" in said, said
    assert "qasc: note: test is validation again, as in MaTS" in said, said
    cut = "word " * 408 + "word..."
    assert shown(LONG) == cut and cut in (folder / "out" / "paws.jsonl").read_text(encoding="utf-8")
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    assert len(before) == 22
    code, said = converted(folder, "all", folder / "in")
    assert code == 0 and before == {path.name: path.read_bytes() for path in (folder / "out").iterdir()}, "the second time, not the same bytes"
    print(f"convert_text: {sum(content.count(10) for content in before.values())} lines of eleven datasets are right")


def check_qasc(folder):
    assert converted(folder, "qasc", folder / "in", "--qasc-test", "dev")[0] == 0
    tested = [line for line in (folder / "out" / "qasc.jsonl").read_text(encoding="utf-8").splitlines(keepends=True) if '"split": "test"' in line]
    assert tested == [expected("qasc", "test", example, i % 3) for i, example in enumerate(parts("qasc")[1])], tested


def check_spans(folder):
    """What the hub's wsc.fixed makes of spans that are not in the text."""
    cases = [  # text, first span and its index, second span and its index -> what becomes of the first span, and of the second and its index
        (("The dogs saw it.", "the dogs", 0, "it", 3), ("The dogs", "it", 3)),
        (("Then the dogs saw it.", "The dogs", 1, "it", 4), ("the dogs", "it", 4)),
        (("The big dogs saw it.", "The\nbig dogs", 0, "It", 4), ("The big dogs", "it", 4)),
        (("Stalin left Kamenev, then Zinoviev; he won.", "Kamenev and Zinoviev", 2, "won...", 6), ("Kamenev and Zinoviev", "won", 6)),
        (("Theyscold it.", "it", 1, "it", 1), ("it", "it", 1)),
        (("We left as Theyscold a lot.", "We", 0, "theyscold", 3), ("We", "Theyscold", 10))]
    names = ("span1_text", "span1_index", "span2_text", "span2_index")
    given = [{**dict(zip(("text", *names), case)), "label": 0} for case, _ in cases]
    fixed = [{**example, "span1_text": first, "span2_text": second, "span2_index": index} for example, (_, (first, second, index)) in zip(given, cases)]
    as_wsc(folder / "in" / "WSC" / "val.jsonl", given)
    code, said = converted(folder, "wsc", folder / "in")
    found = [line for line in (folder / "out" / "wsc.jsonl").read_text(encoding="utf-8").splitlines(keepends=True) if '"split": "test"' in line]
    right = [expected("wsc", "test", example, i % 2) for i, example in enumerate(fixed)]
    assert code == 0 and found == right, f"{said}{''.join(found)}expected\n{''.join(right)}"
    plant(folder / "in", "wsc")


def replaced(old, new, line=None):
    """Spoils the last line with `old`, or line number `line`."""
    def spoil(path):
        content = path.read_bytes().split(b"\n")
        number = line - 1 if line else max(i for i, text in enumerate(content) if old in text)
        assert old in content[number], content[number]
        content[number] = content[number].replace(old, new)
        path.write_bytes(b"\n".join(content))
    return spoil


def cut(count):
    return lambda path: path.write_bytes(path.read_bytes()[:-count])


def without_lines(count):
    return lambda path: path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-count]))


FIRST, SECOND = 0, 1  # the training file, the other
SPOILT = [  # dataset, which of its files, what is done to it, what the message says
    ("cosmos_qa", FIRST, replaced(b"answer2", b"other", 1), "train.csv:2: expected \"answer2\", found id, context, question, answer0, answer1, other,"),
    ("cosmos_qa", SECOND, replaced(b"answer 3", b'",answer 3', None), "valid.csv:", "expected 8 columns, found 10"),
    ("cosmos_qa", SECOND, cut(20), "valid.csv:", "expected 8 columns, found 7"),
    ("paws", SECOND, replaced(b"\t1", b"\t2"), "dev.tsv:", "label: expected one of 0, 1, found 2"),
    ("paws", FIRST, lambda path: path.write_bytes(b'id\tsentence1\tsentence2\tlabel\n1\t"' + b"x" * 140000), "train.tsv:2: field larger"),
    ("wiki_qa", SECOND, replaced(b"\t0", b"\t"), "WikiQA-dev.tsv:", "label: expected one of 0, 1, found nothing"),
    ("wiki_qa", SECOND, replaced(b"D0-0", b"\xff\xfe"), "WikiQA-dev.tsv: not UTF-8"),
    ("quartz", FIRST, cut(30), "train.jsonl:203: not a line of JSON: "),
    ("quartz", SECOND, replaced(b'{"question"', b'["question"', 2), "dev.jsonl:2: not a line of JSON: "),
    ("quartz", SECOND, lambda path: path.write_text("[1]\n"), "dev.jsonl:1: expected a record, found [1]"),
    ("quartz", SECOND, replaced(b'"stem"', b'"root"', 3), 'dev.jsonl:3: expected "question.stem", found root, choices'),
    ("quartz", SECOND, replaced(b'"answerKey": "A"', b'"answerKey": "C"'), "dev.jsonl:", "answerKey: expected one of A, B, found C"),
    ("quartz", SECOND, replaced(b'"stem": "', b'"stem": 1.5, "was": "', 1), "dev.jsonl:1: question: expected texts, found 1.5"),
    ("quartz", SECOND, replaced(b'"para": "', b'"para": {"x": 1.5}, "was": "', 1), 'dev.jsonl:1: para: expected texts, found {"x": 1.5}'),
    ("quartz", FIRST, without_lines(3), "train.jsonl: expected more than the 200 examples that are validation, found 200"),
    ("quartz", SECOND, lambda path: path.unlink(), "dev.jsonl: no such file, nor a validation*.parquet below "),
    ("quartz", SECOND, replaced(b'"text": "choice 1', b'"text": "a ||| choice 1', 4), "dev.jsonl:4: ", "expected 2 choices, found 3"),
    ("quartz", SECOND, replaced('choice 1 \\"of\\" 204, é'.encode(), b" ", 1), "dev.jsonl:1: ", "its prompt or one of the answers is empty"),
    ("social_iqa", FIRST, lambda path: without_lines(1)(path.with_name("train-labels.lst")),
     "train.jsonl: 1003 questions, but ", "train-labels.lst has 1002 labels"),
    ("social_iqa", FIRST, lambda path: path.with_name("train-labels.lst").unlink(), "train-labels.lst: no such file"),
    ("social_iqa", SECOND, lambda path: path.with_name("dev-labels.lst").write_text("1\n2\n4\n1\n1\n"),
     "dev.jsonl:3: label: expected one of 1, 2, 3, found 4"),
    ("quail", FIRST, cut(9), "quail_1.3_train_randomized.xml: no element found"),
    ("quail", SECOND, lambda path: path.write_text(path.read_text().replace('"True"', '"true"')),
     "_dev_randomized.xml: text f0, question 0: no answer is correct"),
    ("quail", SECOND, lambda path: path.write_text(path.read_text().replace("text_body>", "body>")),
     'text f0, question 0: expected "context", found context, question'),
    ("ropes", FIRST, cut(5), "train-v1.0.json:1: not JSON: "),
    ("ropes", SECOND, lambda path: path.write_text('{"data": {"paragraphs": []}}'), "dev-v1.0.json: data: expected a list, found {"),
    ("ropes", SECOND, replaced(b'"answers": [{"text"', b'"answers": [{"words"'), "dev-v1.0.json: question 0: expected \"text\", found words"),
    ("ropes", SECOND, lambda path: path.write_text(json.dumps({"data": [{"paragraphs": [{"background": "b", "situation": "s", "qas": [
        {"id": "7", "question": "q", "answers": []}]}]}]})), "dev-v1.0.json: question 7: answers: expected texts, found []"),
    ("story_cloze", SECOND, replaced(b'"1"', b'"3"'), "ALL_test.csv:", "answer_right_ending: expected one of 1, 2, found 3"),
    ("winogrande", SECOND, replaced(b'"answer": "1"', b'"answer": ""'), "dev.jsonl:", "answer: expected one of 1, 2, found nothing"),
    ("wsc", SECOND, replaced(b'"The dogs"', b'"The wolves"', 2), 'val.jsonl:2: span1_text "The wolves" is not in the text'),
    ("wsc", SECOND, replaced(b'"The dogs", "span2_text": "it", "span1_index": 0', b'"Wolves", "span2_text": "it", "span1_index": 70'),
     "val.jsonl:", "span1_index: expected the position of one of 8 words, found 70"),
    ("wsc", SECOND, replaced(b"true", b'"True"'), "val.jsonl:", "label: expected a bool, found \"True\""),
]

RIGHT = WORDINGS["wsc"][2][1][0]
BROKEN = [  # the templates of WSC, what the message says
    (None, "templates.yaml: no such file"),
    ("templates: [\n", "templates.yaml: not readable as promptsource's YAML: ", "line 2"),
    ("templates:\n  a: !!python/object/apply:os.getcwd []\n", "not readable", "could not determine a constructor", "os.getcwd", "line 2"),
    ("templates:\n  a: !Template [1]\n", "not readable", "expected a mapping node"),
    ("templates: []\n", 'templates.yaml: expected a dictionary "templates", found list'),
    ("- 1\n", 'templates.yaml: expected a dictionary "templates", found NoneType'),
    ("templates:\n  a: !Template {name: x, answer_choices: null, metadata: !TemplateMetadata {metrics: [Accuracy], original_task: true}}\n",
     "template a: expected texts"),
    ([template(1, RIGHT, "No ||| Yes", original="false")], "templates.yaml: no template of the original task that is scored by Accuracy alone"),
    ([template(1, "{{ text }", "No ||| Yes")], 'template "worded": unexpected \'}\''),
    ([template(1, "{{ text.__class__.__mro__ }}|||{{answer_choices[label]}}", "No ||| Yes")], "train.jsonl:4: ", 'template "worded": SecurityError: '),
    ([template(1, "{{ text }} {{ colour }}|||{{answer_choices[label]}}", "No ||| Yes")], "UndefinedError: 'colour' is undefined"),
    ([template(1, "{% for i in range(100000000) %}x{% endfor %}|||no", "No ||| Yes")], "OverflowError"),
    ([template(1, "{{ text }}", "No ||| Yes")], "expected prompt ||| target, found 1 parts"),
    ([template(1, "{{ text }}|||a|||b", "No ||| Yes")], "expected prompt ||| target, found 3 parts"),
    ([template(1, RIGHT, "No ||| Yes ||| Perhaps")], "expected 2 choices, found 3"),
    ([template(1, RIGHT, None)], "train.jsonl:4: ", "UndefinedError: "),
    ([template(1, "{{text}}|||Yes", "No ||| Yes")], 'its target is "Yes", but the right answer is "No"'),
    ([template(1, " ||| {{answer_choices[label]}}", "No ||| Yes")], "its prompt or one of the answers is empty"),
    ([template(1, "{{text}}|||{{answer_choices[label]}}", " ||| Yes")], "its prompt or one of the answers is empty"),
]


def refused(folder, name, *says):
    shutil.rmtree(folder / "out", ignore_errors=True)
    code, said = converted(folder, name, folder / "in")
    assert code == 1 and f"{name}: not made: " in said and all(text in said for text in says), f"{says}: exit {code}: {said}"
    assert not list((folder / "out").iterdir()), f"{says}: something was written"


def check_refused(folder):
    for name, which, spoil, *says in SPOILT:
        spoil(plant(folder / "in", name)[which])
        refused(folder, name, *says)
        plant(folder / "in", name)
    path = folder / "templates" / "promptsource" / "templates" / WORDINGS["wsc"][0] / "templates.yaml"
    good = path.read_bytes()
    for content, *says in BROKEN:
        path.unlink()
        if isinstance(content, str):
            path.write_text(content)
        elif content:
            worded(path, "wsc", content)
        refused(folder, "wsc", *says)
        path.write_bytes(good)
    print(f"convert_text: {len(SPOILT)} spoilt files and {len(BROKEN)} spoilt templates refused by name")


def check_packages(folder):
    """A Python package that is not there is named."""
    assert "quartz: not made: " in converted(folder, "quartz", folder / "hub")[1]
    for module, package, root in (("yaml", "pyyaml", "in"), ("pyarrow", "pyarrow", "hub")):
        (folder / "hub" / "quartz").mkdir(parents=True, exist_ok=True)
        (folder / "hub" / "quartz" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
        with unittest.mock.patch.dict(sys.modules, {module: None}):
            sys.modules.pop("text_templates")
            code, said = converted(folder, "quartz", folder / root)
        assert code == 1 and f"quartz: not made: needs the Python package {package} (pip install {package})" in said, said


def check_command(folder):
    """One that fails stops no other, and leaves what was there."""
    assert converted(folder, "wsc", "quartz", folder / "in")[0] == 0
    before = (folder / "out" / "wsc.jsonl").read_bytes()
    cut(9)(plant(folder / "in", "wsc")[SECOND])
    (folder / "out" / "quartz.jsonl").unlink()
    code, said = converted(folder, "wsc", "quartz", folder / "in")
    assert code == 1 and "wsc: not made: " in said and "quartz: 200 val, 5 test" in said, said
    assert before == (folder / "out" / "wsc.jsonl").read_bytes() and (folder / "out" / "quartz.jsonl").exists()
    plant(folder / "in", "wsc")
    shutil.move(folder / "in" / "WSC", folder / "in" / "wsc")  # a folder may have the dataset's name too
    assert converted(folder, "wsc", folder / "in")[0] == 0
    assert converted(folder, "glue", folder / "in")[0] == 2 and converted(folder, "wsc")[0] == 2
    script = [sys.executable, ROOT / "data" / "convert_text.py"]
    listed = subprocess.run([*script, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(TREES), listed
    for line, (*_, train, test) in zip(listed, TREES.values()):
        assert all(f"{pathlib.Path(file).parent}/{{" in line and pathlib.Path(file).name in line for file in (train, test)), line
    unnamed = subprocess.run([*script, "wsc", folder / "in", "--out", folder / "out"], capture_output=True, text=True)
    assert unnamed.returncode == 2 and "expected --templates" in unnamed.stderr, unnamed.stderr


def main():
    folder = pathlib.Path(sys.argv[1])
    for check in (check_lines, check_qasc, check_spans, check_refused, check_packages, check_command):
        check(folder)


main()
