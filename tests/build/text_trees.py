"""The eleven language datasets of Table 3, made up: as their authors' files, and as the HuggingFace hub would give the same examples.

The texts have in them what a reader or a renderer may stumble over. `TREES` has for each dataset how many examples of the training file are held out,
an example from its number, and what writes a file.
"""

import csv
import json
from xml.sax.saxutils import escape

LONG = "word " * 500 + "end"  # is cut where a template shows it
TEXTS = ("plain words", '"Quoted" at the start, "and" later', "bars ||| within", "{{ braces }} and {% tags %}", "naïve 漢字 – “curly” 😀", LONG,
         "two\nlines")
EXTRA, TEST = 3, 5  # training examples beyond the held-out ones; examples of the file that is tested on


def text(kind, i):
    given = TEXTS[(i + len(kind)) % len(TEXTS)]
    return given if given is LONG else f"{given} {kind} {i}"


def option(kind, i):
    return f'{kind} "of" {i}, é'


def letters(i, count):
    return {"text": [option(f"choice {k}", i) for k in range(count)], "label": list("ABCDEFGH"[:count])}


# ---- examples as the hub has them

def cosmos_qa(i):
    return {"context": text("context", i), "question": text("question", i), **{f"answer{k}": option(f"answer {k}", i) for k in range(4)}, "label": i % 4}


def social_iqa(i):
    return {"context": text("context", i), "question": text("question", i), **{f"answer{k}": option(f"answer {k}", i) for k in "ABC"}, "label": str(i % 3 + 1)}


def paws(i):
    return {"sentence1": text("one", i), "sentence2": text("other", i), "label": i % 2}


def quail(i):
    return {"context": text("context", i // 2), "question": text("question", i), "answers": letters(i, 4)["text"], "correct_answer_id": i % 4}


def wiki_qa(i):
    return {name: text(name, i).replace("\n", " ") for name in ("question", "document_title", "answer")} | {"label": int(i % 5 == 0)}


def quartz(i):
    question = f"Will {text('question', i)} be _____?" if i % 2 else f"Is {text('question', i)} then?"
    return {"question": question, "choices": letters(i, 2), "answerKey": "AB"[i % 2], "para": text("para", i)}


def qasc(i):
    return {"question": f"What {text('question', i)}?", "choices": letters(i, 8), "answerKey": "ABCDEFGH"[i % 8], "fact1": f"First {i}.",
            "fact2": text("Second", i), "combinedfact": f"Both {i}."}


def ropes(i):
    return {"background": text("background", i // 3), "situation": text("situation", i // 2), "question": text("question", i),
            "answers": {"text": [option("answer", i)] + [f"again {i}"] * (i % 4 == 3)}}


def story_cloze(i):
    return {**{f"input_sentence_{k}": text(f"sentence {k}", i + k) for k in (1, 2, 3, 4)}, "sentence_quiz1": option("ending 1", i),
            "sentence_quiz2": option("ending 2", i), "answer_right_ending": i % 2 + 1}


def winogrande(i):
    return {"sentence": f"{text('sentence', i)} _ fits", "option1": option("first", i), "option2": option("second", i), "answer": str(i % 2 + 1)}


def wsc(i):
    pronoun = ("They", "them", "it")[i % 3]
    return {"text": f"The dogs {i} saw “cats”: {pronoun} ran off.", "span1_text": "The dogs", "span2_text": pronoun, "span1_index": 0, "span2_index": 5,
            "label": i % 2}


# ---- the authors' files

def rows(path, columns, examples, names, **dialect):
    """Lines of the hub's columns `names`, or of what they are otherwise."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, **{"lineterminator": "\n", **dialect})
        writer.writerow(columns)
        writer.writerows([example.get(name, name) for name in names] for example in examples)


def lines(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def as_cosmos_qa(path, examples):
    names = ["id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label"]
    rows(path, names, examples, names)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def as_social_iqa(path, examples):
    lines(path, [{name: value for name, value in example.items() if name != "label"} for example in examples])
    path.with_name(path.stem + "-labels.lst").write_text("".join(example["label"] + "\n" for example in examples))


def as_paws(path, examples):
    names = ["id", "sentence1", "sentence2", "label"]
    rows(path, names, examples, names, delimiter="\t")


def as_quail(path, examples):
    parts = ["<quail>"]
    for i in range(0, len(examples), 2):  # two questions on each text
        parts.append(f'<text id="f{i}" domain="fiction"><metadata/><text_body>\n{escape(examples[i]["context"])} </text_body><questions>')
        for k, example in enumerate(examples[i:i + 2]):
            assert example["context"] == examples[i]["context"]
            answers = "".join(f'<a correct="{n == example["correct_answer_id"]}">  {escape(answer)}</a>\n' for n, answer in enumerate(example["answers"]))
            parts.append(f'<q id="{k}" type="Causality">\n  {escape(example["question"])}\n{answers}</q>')
        parts.append("</questions></text>")
    path.write_text("\n".join([*parts, "</quail>"]), encoding="utf-8")


def as_wiki_qa(path, examples):
    path.write_text("\n".join(["QuestionID\tQuestion\tDocumentID\tDocumentTitle\tSentenceID\tSentence\tLabel"] + [
        f"Q0\t{e['question']}\tD0\t{e['document_title']}\tD0-0\t{e['answer']}\t{e['label']}" for e in examples]) + "\n", encoding="utf-8")


def stem(example):
    choices = [{"text": text, "label": label} for text, label in zip(example["choices"]["text"], example["choices"]["label"])]
    return {**example, "id": "0", "choices": None, "question": {"stem": example["question"], "choices": choices}}


def as_questions(path, examples):
    lines(path, map(stem, examples))


def as_ropes(path, examples):
    paragraphs = []
    for i, example in enumerate(examples):
        question = {"id": str(i), "question": example["question"] + " ", "answers": [{"text": f"{answer}\n"} for answer in example["answers"]["text"]]}
        paragraphs.append({"background": example["background"] + "\n", "situation": " " + example["situation"], "qas": [question]})
    path.write_text(json.dumps({"version": "v", "data": [{"paragraphs": paragraphs[:2]}, {"paragraphs": paragraphs[2:]}]}))


def as_story_cloze(path, examples):
    names = ["InputStoryid", *(f"InputSentence{k}" for k in (1, 2, 3, 4)), "RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding"]
    rows(path, names, examples, ["id", *examples[0]], quoting=csv.QUOTE_ALL)
    path.write_bytes(path.read_bytes().replace(b'","', b'", "'))


def as_winogrande(path, examples):
    lines(path, [{"qID": "0", **example} for example in examples])


def as_wsc(path, examples):
    spans = ("span1_text", "span2_text", "span1_index", "span2_index")
    lines(path, [{"text": e["text"], "target": {name: e[name] for name in spans}, "idx": 0, "label": bool(e["label"])} for e in examples])


TREES = {  # name -> (examples held out, an example, what writes a file, training file, file that is tested on)
    "cosmos_qa": (1000, cosmos_qa, as_cosmos_qa, "cosmosqa/data/train.csv", "cosmosqa/data/valid.csv"),
    "social_iqa": (1000, social_iqa, as_social_iqa, "socialiqa-train-dev/train.jsonl", "socialiqa-train-dev/dev.jsonl"),
    "paws": (1000, paws, as_paws, "final/train.tsv", "final/dev.tsv"),
    "quail": (1000, quail, as_quail, "quail/quail_v1.3/xml/randomized/quail_1.3_train_randomized.xml",
              "quail/quail_v1.3/xml/randomized/quail_1.3_dev_randomized.xml"),
    "wiki_qa": (1000, wiki_qa, as_wiki_qa, "WikiQACorpus/WikiQA-train.tsv", "WikiQACorpus/WikiQA-dev.tsv"),
    "quartz": (200, quartz, as_questions, "quartz-dataset-v1-aug2019/train.jsonl", "quartz-dataset-v1-aug2019/dev.jsonl"),
    "qasc": (500, qasc, as_questions, "QASC_Dataset/train.jsonl", "QASC_Dataset/dev.jsonl"),
    "ropes": (1000, ropes, as_ropes, "ropes-train-dev-v1.0/train-v1.0.json", "ropes-train-dev-v1.0/dev-v1.0.json"),
    "story_cloze": (1000, story_cloze, as_story_cloze, "story_cloze/cloze_test_val__spring2016 - cloze_test_ALL_val.csv",
                    "story_cloze/cloze_test_test__spring2016 - cloze_test_ALL_test.csv"),
    "winogrande": (1000, winogrande, as_winogrande, "winogrande_1.1/train_xl.jsonl", "winogrande_1.1/dev.jsonl"),
    "wsc": (100, wsc, as_wsc, "WSC/train.jsonl", "WSC/val.jsonl"),
}


def parts(name):
    """Examples of the training file, and of the other: no two are equal."""
    held_out, example, *_ = TREES[name]
    count = held_out + EXTRA
    return [example(i) for i in range(count)], [example(i) for i in range(count + 1, count + 1 + TEST)]


def plant(root, name):
    """Writes the two files of a dataset and returns where they are."""
    _, _, write, *files = TREES[name]
    for file, examples in zip(files, parts(name)):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        write(root / file, examples)
    return [root / file for file in files]
