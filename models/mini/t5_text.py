"""The mini T5's tokenizer and what it reads: exercises on text for pretraining, rendered examples of the tasks.

`t5_text.py` trains the tokenizer, t5/spiece.model, on the text and the training examples that `make -C data/mini language` leaves. Ids are T5's: padding 0, the
end 1, unknown 2, a hundred gaps (sentinels) above the pieces, the first one highest.
"""

import json
import sys
from pathlib import Path

import numpy as np
import sentencepiece
import torch

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "data" / "mini"
BUILT = DATA / "build" / "language"
TASKS = ["language", "program", "part", "topic", "origin", "spelling", "manual", "past"]
PIECES, SENTINELS, END = 3500, 100, 1
VOCABULARY = -(-(PIECES + SENTINELS) // 64) * 64  # rows of the embedding
LONGEST = 64  # tokens of a line of text; the rest is cut off
NOISE, SPAN = 0.25, 3  # share of tokens that gaps hide, and of how many tokens a gap is on average
DAMAGE, REPAIRED = 0.1, 32  # share of tokens dropped, changed or moved, each; tokens of a line to repair
EXERCISES = {"gaps": 0.5, "continuation": 0.3, "repair": 0.2}  # how often


def read_task(task, split):
    """Examples of data/README.md's text datasets."""
    path = BUILT / f"{task}.train.jsonl" if split == "train" else DATA / "language" / f"{task}.jsonl"
    return [it for it in map(json.loads, path.read_text().splitlines()) if it["split"] == split]


def read_lines():
    return (BUILT / "pretrain.txt").read_text().splitlines()


def target_of(example):
    return example["answers"][0] if "answers" in example else example["choices"][example["answer"]]


def train_tokenizer():
    (HERE / "build").mkdir(exist_ok=True)
    (HERE / "t5").mkdir(exist_ok=True)
    corpus = HERE / "build" / "t5_corpus.txt"
    prompts = [f'{it["prompt"]}\n{target_of(it)}' for task in TASKS for it in read_task(task, "train")[:4000]]
    corpus.write_text("\n".join([*read_lines(), *prompts]) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(HERE / "build" / "spiece"), vocab_size=PIECES, model_type="unigram", character_coverage=0.9995,
        pad_id=0, eos_id=END, unk_id=2, bos_id=-1, num_threads=1, input_sentence_size=0, max_sentence_length=2000, minloglevel=1,
    )  # fmt: skip
    (HERE / "build" / "spiece.model").replace(HERE / "t5" / "spiece.model")


def tokenizer():
    return sentencepiece.SentencePieceProcessor(model_file=str(HERE / "t5" / "spiece.model"))


def padded(rows):
    """Lists of ids -> ids [n, longest], mask"""
    length = max(map(len, rows))
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.as_tensor(values)
    mask = (torch.arange(length) < torch.tensor([len(values) for values in rows]).unsqueeze(1)).long()
    return ids, mask


def pieces(total, parts, rng):
    """`total` as a sum of `parts` numbers, each at least 1, all ways equally likely."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [total]]))


def with_gaps(ids, rng):
    """-> (ids with gaps, what the gaps hide), as T5 is pretrained. ids: at least 4 tokens, without the end."""
    hidden = max(1, round(len(ids) * NOISE))
    gaps = min(max(1, round(hidden / SPAN)), len(ids) - hidden)
    lengths, between = pieces(hidden, gaps, rng), pieces(len(ids) - hidden, gaps, rng)
    shown, answer, place = [], [], 0
    for gap, (before, length) in enumerate(zip(between, lengths)):
        sentinel = PIECES + SENTINELS - 1 - gap
        shown += [*ids[place : place + before], sentinel]
        answer += [sentinel, *ids[place + before : place + before + length]]
        place += before + length
    return [*shown, END], [*answer, END]


def to_continue(ids, rng):
    """A line's start -> its rest: one gap, at the end."""
    cut = rng.integers(len(ids) // 4, 3 * len(ids) // 4) + 1
    sentinel = PIECES + SENTINELS - 1
    return [*ids[:cut], sentinel, END], [sentinel, *ids[cut:], END]


def to_repair(ids, rng):
    """A damaged line, after the last sentinel -> the line. Teaches copying, which gaps do not."""
    ids, damaged = ids[:REPAIRED], []
    for token, luck in zip(ids, rng.random(len(ids)) / DAMAGE):
        if luck < 1:
            continue
        if luck < 2:
            damaged.append(int(rng.integers(3, PIECES)))
        elif luck < 3:
            damaged.insert(max(0, len(damaged) - 1), token)
        else:
            damaged.append(token)
    return [PIECES, *damaged, END], [*ids, END]


def exercise(ids, rng):
    """-> input, target"""
    kind = rng.choice(list(EXERCISES), p=list(EXERCISES.values()))
    return {"gaps": with_gaps, "continuation": to_continue, "repair": to_repair}[kind](ids, rng)


def batches(pairs, size, rng):
    """Endless batches of pairs (input, target) of about the same length, in random order."""
    while True:
        order = rng.permutation(len(pairs))
        for chunk in np.array_split(order, max(1, len(order) // (50 * size))):
            chunk = sorted(chunk, key=lambda index: len(pairs[index][0]))
            groups = [chunk[i : i + size] for i in range(0, len(chunk) - size + 1, size)]
            for group in rng.permutation(len(groups)):
                yield [pairs[index] for index in groups[group]]


if __name__ == "__main__":
    sys.exit(train_tokenizer())
