"""Reads the language datasets of Table 3 as their authors publish them, or from parquet files of the HuggingFace hub.

A reader takes a file and gives its examples in order: (where it stands, {the authors' column: value}). The table at the end says what becomes of them.
"""

import csv
import json
import xml.etree.ElementTree as ElementTree
from typing import Callable, NamedTuple, Optional

from files import Missing, require


class Dataset(NamedTuple):
    templates: str  # their folder in promptsource, and the dataset's name and configuration on the hub
    folder: str  # what the authors' archive unpacks to
    train: str
    test: str
    read: Callable
    columns: dict  # the hub's name, which templates use -> the authors'
    sizes: tuple  # of training and test file, as published
    held_out: int  # examples at the end of the training file that are validation
    digest: str  # of promptsource 0.2.3's templates.yaml
    labels: Optional[tuple] = None  # column of the answer, and its value for each choice; None: the answer is written
    without: tuple = ()  # templates that are left out by name
    parts: tuple = ("train", "validation")  # the hub's names of the two files
    beside: str = ""  # what else the authors' folder has to have


def named(*columns, **others):
    return {**{column: column for column in columns}, **others}


def pick(place, record, name, kind=object):
    """What a record has under a name, or under names with dots between them in the records within."""
    found = record
    for part in name.split("."):
        if not isinstance(found, dict) or found.get(part) is None:
            there = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
            raise Missing(f'{place}: expected "{name}", found {there}')
        found = found[part]
    if not isinstance(found, kind):
        raise Missing(f"{place}: {name}: expected a {kind.__name__}, found {json.dumps(found)[:80]}")
    return found


# ---- formats

def table(path, **dialect):
    """Lines of a CSV or TSV file whose first line names the columns."""
    with open(path, encoding="utf-8") as file:  # line ends within a text become \n, as the hub reads them
        reader = csv.reader(file, **dialect)
        try:
            columns = next(reader, [])
            for cells in filter(None, reader):
                place = f"{path}:{reader.line_num}"
                if len(cells) != len(columns):
                    raise Missing(f"{place}: expected {len(columns)} columns, found {len(cells)}")
                yield place, dict(zip(columns, cells))
        except csv.Error as fault:
            raise Missing(f"{path}:{reader.line_num}: {fault}") from None


def json_lines(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
            except json.JSONDecodeError as fault:
                raise Missing(f"{path}:{number}: not a line of JSON: {fault}") from None
            if not isinstance(record, dict):
                raise Missing(f"{path}:{number}: expected a record, found {line[:80].strip()}")
            yield f"{path}:{number}", record


def parquet(files):
    import pyarrow.parquet
    for path in files:
        try:
            records = pyarrow.parquet.read_table(path).to_pylist()
        except (ValueError, OSError) as fault:
            raise Missing(f"{path}: {fault}") from None
        yield from ((f"{path}: row {number}", record) for number, record in enumerate(records, 1))


# ---- the authors' formats that need more than that

def social_iqa(path):
    """The right answers stand in a file of their own."""
    with open(require(path.with_name(path.stem + "-labels.lst")), encoding="utf-8") as file:
        labels = file.read().split()
    number = 0
    for number, (place, record) in enumerate(json_lines(path), 1):
        if number <= len(labels):
            yield place, {**record, "label": labels[number - 1]}
    if number != len(labels):
        raise Missing(f"{path}: {number} questions, but {file.name} has {len(labels)} labels")


def paws(path):
    return table(path, delimiter="\t")


def wiki_qa(path):
    return table(path, delimiter="\t", quoting=csv.QUOTE_NONE)


def story_cloze(path):
    return table(path, skipinitialspace=True)


def quail(path):
    try:
        texts = ElementTree.parse(path).getroot().iterfind("text")
    except ElementTree.ParseError as fault:
        raise Missing(f"{path}: {fault}") from None
    for text in texts:
        for question in text.iterfind("questions/q"):
            answers = list(question.iterfind("a"))
            right = [i for i, answer in enumerate(answers) if answer.get("correct") == "True"]
            place = f"{path}: text {text.get('id')}, question {question.get('id')}"
            if not right:
                raise Missing(f"{place}: no answer is correct")
            parts = (text.findtext("text_body"), question.text, *(answer.text for answer in answers))
            context, asked, *choices = (part and part.strip() for part in parts)
            yield place, {"context": context, "question": asked, "answers": choices, "correct_answer_id": right[-1]}


def ropes(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as fault:
        raise Missing(f"{path}:{fault.lineno}: not JSON: {fault}") from None
    for article in pick(path, content, "data", list):
        for paragraph in pick(path, article, "paragraphs", list):
            for question in pick(path, paragraph, "qas", list):
                place = f"{path}: question {pick(path, question, 'id')}"
                texts = {name: pick(place, of, name, str).strip() for of, name in ((paragraph, "background"), (paragraph, "situation"), (question, "question"))}
                yield place, {**texts, "answers": [{"text": pick(place, answer, "text", str).strip()} for answer in pick(place, question, "answers", list)]}


def repaired_span(place, record, span):
    """Makes a span that is not in the text one that is, as the hub's `wsc.fixed` does it."""
    text, within = record[f"{span}_text"], record["text"]
    if text in within or text in ("Kamenev and Zinoviev", "Kamenev, Zinoviev, and Stalin"):  # of these two, nothing would be
        return
    words, index = within.split(), record[f"{span}_index"]
    if not 0 <= index < len(words):
        raise Missing(f"{place}: {span}_index: expected the position of one of {len(words)} words, found {index}")
    if "theyscold" in text:
        record["span2_index"] = 10
    first = text[0].lower() if words[index][0].islower() else text[0].upper()
    record[f"{span}_text"] = (first + text[1:]).rstrip(".").replace("\n", " ")
    if record[f"{span}_text"] not in within:
        raise Missing(f'{place}: {span}_text "{text}" is not in the text')


def wsc(path):
    for place, record in json_lines(path):
        found = {"text": pick(place, record, "text", str), "label": int(pick(place, record, "label", bool))}
        for span in ("span1", "span2"):
            found[f"{span}_text"], found[f"{span}_index"] = pick(place, record, f"target.{span}_text", str), pick(place, record, f"target.{span}_index", int)
        for span in ("span1", "span2"):
            repaired_span(place, found, span)
        yield place, found


# ---- what is the same for all

def checked(place, name, value):
    """A field as the hub has it: a text, a number, a list of texts, or, for a list of records, a record of lists."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        value = {key: [pick(place, item, key) for item in value] for key in value[0]}
    lists = list(value.values()) if isinstance(value, dict) else [value]
    texts = [text for part in lists for text in (part if isinstance(part, list) else [part])]
    if not texts or not all(isinstance(text, (str, int)) for text in texts):
        raise Missing(f"{place}: {name}: expected texts, found {json.dumps(value, default=str)[:80]}")
    return value


def examples(dataset, name, root, which):
    """[(place, fields, position of the right choice or None)] of the training (0) or the test file (1), in its order; and the file."""
    relative, part = (dataset.train, dataset.test)[which], dataset.parts[which]
    path = next((path for path in (root / dataset.folder / relative, root / name / relative) if path.exists()), root / dataset.folder / relative)
    hub = [folder / inner for folder in (root / dataset.templates, root / name) for inner in ("", name, "plain_text", "data", "default")]
    files = next((found for folder in hub if (found := sorted({*folder.glob(f"{part}.parquet"), *folder.glob(f"{part}-*.parquet"),
                                                               *folder.glob(f"{part}/*.parquet")}))), [])
    if not path.exists() and not files:
        raise Missing(f"{path}: no such file, nor a {part}*.parquet below {root / dataset.templates}")
    columns = dataset.columns if path.exists() else named(*dataset.columns)
    found = []
    try:
        for place, record in dataset.read(path) if path.exists() else parquet(files):
            fields = {column: checked(place, column, pick(place, record, authors)) for column, authors in columns.items()}
            found.append((place, fields, answer_of(dataset, place, fields)))
    except UnicodeDecodeError as fault:
        raise Missing(f"{path}: not UTF-8: {fault}") from None
    return found, path if path.exists() else files[0].parent


def answer_of(dataset, place, fields):
    """The position of the right choice. Its column becomes what the hub has there: a number, or a text without space around it."""
    if dataset.labels is None:
        pick(place, fields, "answers.text", list)
        return None
    column, values = dataset.labels
    texts = [str(value) for value in values]
    text = str(fields[column]).strip()
    if text not in texts:
        raise Missing(f"{place}: {column}: expected one of {', '.join(texts)}, found {text or 'nothing'}")
    fields[column] = values[texts.index(text)]
    return texts.index(text)


SENTENCES = {f"input_sentence_{i}": f"InputSentence{i}" for i in (1, 2, 3, 4)}
QUESTION = {"question": "question.stem", "choices": "question.choices"}

DATASETS = {  # in the order of the suite
    "cosmos_qa": Dataset("cosmos_qa", "cosmosqa/data", "train.csv", "valid.csv", table,
                         named("context", "question", "answer0", "answer1", "answer2", "answer3", "label"), (25262, 2985), 1000, "e7314c21b0f8812e",
                         ("label", (0, 1, 2, 3))),
    "social_iqa": Dataset("social_i_qa", "socialiqa-train-dev", "train.jsonl", "dev.jsonl", social_iqa,
                          named("context", "question", "answerA", "answerB", "answerC", "label"), (33410, 1954), 1000, "711832abb66625e1",
                          ("label", ("1", "2", "3")), without=("Check if a random answer is valid or not",),
                          beside="{train,dev}-labels.lst"),
    "paws": Dataset("paws/labeled_final", "final", "train.tsv", "dev.tsv", paws, named("sentence1", "sentence2", "label"), (49401, 8000), 1000,
                    "f1796ee6e575bdf2", ("label", (0, 1))),
    "quail": Dataset("quail", "quail/quail_v1.3/xml/randomized", "quail_1.3_train_randomized.xml", "quail_1.3_dev_randomized.xml", quail,
                     named("context", "question", "answers", "correct_answer_id"), (10246, 2164), 1000, "f1acb7961dc614a5",
                     ("correct_answer_id", (0, 1, 2, 3))),
    "wiki_qa": Dataset("wiki_qa", "WikiQACorpus", "WikiQA-train.tsv", "WikiQA-dev.tsv", wiki_qa,
                       named(question="Question", document_title="DocumentTitle", answer="Sentence", label="Label"), (20360, 2733), 1000,
                       "9ccddaa55b0206f9", ("label", (0, 1))),
    "quartz": Dataset("quartz", "quartz-dataset-v1-aug2019", "train.jsonl", "dev.jsonl", json_lines, named("para", "answerKey", **QUESTION),
                      (2696, 384), 200, "f35ba4311ed60d2f", ("answerKey", tuple("AB"))),
    "qasc": Dataset("qasc", "QASC_Dataset", "train.jsonl", "dev.jsonl", json_lines, named("fact1", "fact2", "combinedfact", "answerKey", **QUESTION),
                    (8134, 926), 500, "926b2a407f86d86d", ("answerKey", tuple("ABCDEFGH"))),
    "ropes": Dataset("ropes", "ropes-train-dev-v1.0", "train-v1.0.json", "dev-v1.0.json", ropes,
                     named("background", "situation", "question", "answers"), (10924, 1688), 1000, "0981d3ad2b060e95"),
    "story_cloze": Dataset("story_cloze/2016", "story_cloze", "cloze_test_val__spring2016 - cloze_test_ALL_val.csv",
                           "cloze_test_test__spring2016 - cloze_test_ALL_test.csv", story_cloze,
                           {**SENTENCES, **named(sentence_quiz1="RandomFifthSentenceQuiz1", sentence_quiz2="RandomFifthSentenceQuiz2",
                                                 answer_right_ending="AnswerRightEnding")},
                           (1871, 1871), 1000, "9861f60c307c130d", ("answer_right_ending", (1, 2)), parts=("validation", "test")),
    "winogrande": Dataset("winogrande/winogrande_xl", "winogrande_1.1", "train_xl.jsonl", "dev.jsonl", json_lines,
                          named("sentence", "option1", "option2", "answer"), (40398, 1267), 1000, "d4565505ec00f5da", ("answer", ("1", "2"))),
    "wsc": Dataset("super_glue/wsc.fixed", "WSC", "train.jsonl", "val.jsonl", wsc,
                   named("text", "span1_text", "span2_text", "span1_index", "span2_index", "label"), (554, 104), 100, "2b7dba8b1ed20ffb",
                   ("label", (0, 1))),
}
