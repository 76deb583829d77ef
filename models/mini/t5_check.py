"""Recomputes the accuracies of the mini language suite from the shipped files alone and prints the table; `--manifest` writes it into t5/MANIFEST.json too.

Exit code 1 if the suite leaves its targets: experts' mean test accuracy >= 75 %, and at least 10 points between base and expert for every task.
"""

import json
import re
import string
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from t5_text import TASKS, padded, read_task, tokenizer

HERE = Path(__file__).parent
BATCH, NEW = 100, 16  # examples at a time; tokens generated at most


def by_length(examples):
    """Batches of numbered examples of about the same length and of as many choices."""
    order = sorted(range(len(examples)), key=lambda index: (len(examples[index].get("choices", ())), len(examples[index]["prompt"])))
    while order:
        count = len(examples[order[0]].get("choices", ()))
        batch = [index for index in order[:BATCH] if len(examples[index].get("choices", ())) == count]
        order = order[len(batch) :]
        yield [examples[index] for index in batch]


def normalised(text):
    """As SQuAD compares answers."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def greedy(module, states, mask):
    """-> ids [B, up to NEW], 0 after the end"""
    ids = torch.zeros(len(states), 1, dtype=torch.long)
    for _ in range(NEW):
        chosen = module.next_logits(states, mask, ids).argmax(1)
        ended = (ids == 1).any(1)
        ids = torch.cat([ids, chosen.masked_fill(ended, 0).unsqueeze(1)], dim=1)
        if (ids == 1).any(1).all():
            break
    return ids[:, 1:]


@torch.no_grad()
def accuracy(module, words, examples):
    """Choices by the sum of their log-probabilities, generation by exact match with one of the answers."""
    hits = 0
    for batch in by_length(examples):
        ids, mask = padded([words.encode(it["prompt"]) + [1] for it in batch])
        states = module.encode(ids, mask)
        if "choices" in batch[0]:
            choices, real = padded([words.encode(choice) + [1] for it in batch for choice in it["choices"]])
            shape = (len(batch), -1, choices.shape[1])
            predicted = module.score(states, mask, choices.view(shape), real.view(shape)).argmax(1)
            hits += (predicted == torch.tensor([it["answer"] for it in batch])).sum().item()
        else:
            texts = [words.decode([token for token in row if token > 2 and token < len(words)]) for row in greedy(module, states, mask).tolist()]
            hits += sum(normalised(text) in map(normalised, it["answers"]) for text, it in zip(texts, batch))
    return hits / len(examples)


def bind(module, weights):
    for name, parameter in module.named_parameters():
        parameter.data = weights[name].float()
    return module


def main():
    module, words = torch.jit.load(HERE / "t5" / "model.pt").eval(), tokenizer()
    base, entries, good = load_file(HERE / "t5" / "base.safetensors"), {}, True
    shapes = {name: value.shape for name, value in base.items()}
    assert shapes == {name: value.shape for name, value in module.named_parameters()}, "model.pt and base differ in names or shapes"
    print(f'{"task":<12}{"kind":>12}{"base val":>10}{"test":>7}{"expert val":>12}{"test":>7}')
    for task in TASKS:
        expert = HERE / "t5" / "experts" / f"{task}.safetensors"
        weights = load_file(expert)
        assert shapes == {name: value.shape for name, value in weights.items()}, f"{task}: layout differs from the base"
        line = [accuracy(bind(module, state), words, read_task(task, split)) for state in (base, weights) for split in ("val", "test")]
        sample = read_task(task, "test")[0]
        kind = f'{len(sample["choices"])} choices' if "choices" in sample else "generation"
        print(f"{task:<12}{kind:>12}{line[0]:>10.1%}{line[1]:>7.1%}{line[2]:>12.1%}{line[3]:>7.1%}", flush=True)
        base_of_task, expert_of_task = ({"val": round(val, 4), "test": round(test, 4)} for val, test in (line[:2], line[2:]))
        entries[task] = {"base": base_of_task, "expert": expert_of_task}
        good &= line[3] - line[1] >= 0.1
    means = {kind: sum(entry[kind]["test"] for entry in entries.values()) / len(entries) for kind in ("base", "expert")}
    print(f'{"mean":<24}{"":>10}{means["base"]:>7.1%}{"":>12}{means["expert"]:>7.1%}')
    good &= means["expert"] >= 0.75
    if "--manifest" in sys.argv[1:]:
        path = HERE / "t5" / "MANIFEST.json"
        manifest = {"base": json.loads(path.read_text())["base"], "experts": entries}
        manifest |= {f"mean {kind} test accuracy": round(value, 4) for kind, value in means.items()}
        path.write_text(json.dumps(manifest, indent=1) + "\n")
    print("all targets met" if good else "TARGETS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
