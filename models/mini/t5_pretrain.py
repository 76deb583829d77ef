"""Pretrains the mini T5: exercises on text, then text and a little of every task.

Writes build/t5_base.pt: the weights, rounded to fp16 since that is what ships and what experts start from, and a record. Saves its state once in a while and
goes on from there when started again.
"""

import json
import math
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from t5_text import EXERCISES, LONGEST, TASKS, VOCABULARY, batches, exercise, padded, read_lines, read_task, target_of, tokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from t5 import T5, Shape  # noqa: E402

# T5 v1.1 in small: gated GELU, a head of its own. Dropout is for fine-tuning; pretraining goes without, it reads hardly a line twice.
SHAPE = dict(vocabulary=VOCABULARY, width=128, head=32, heads=4, inner=256, encoder_layers=3, decoder_layers=3)
SEED, BATCH, RATE, WARMUP = 1, 64, 2e-3, 200
# Steps in proportion to the size of what is learned, as T5's own optimiser takes them: scores are not divided by the root of the heads' width, so q is small,
# and at the rate of the others attention goes one way and stays there (gaps alone: loss 4.33 after 1,000 steps
# instead of after 300).
SCALES = {"q": 0.2, "shared": 3.0, "layer_norm": 3.0, "final_layer_norm": 3.0}
STEPS = {"text": 2400, "mixture": 400}  # the mixture: half text, half tasks
MIXTURE_RATE, SEEN = 5e-4, 1000  # examples of each task that the mixture knows
SAVE = 250


def initialised(model):
    """As the library does it, but with a small head."""
    generator = torch.Generator().manual_seed(SEED)
    d, inner = SHAPE["width"], SHAPE["inner"]
    deviation = {"shared": 1.0, "lm_head": d**-0.5, "relative_attention_bias": d**-0.5, "q": (d * SHAPE["head"]) ** -0.5, "k": d**-0.5, "v": d**-0.5,
                 "o": (SHAPE["heads"] * SHAPE["head"]) ** -0.5, "wi_0": d**-0.5, "wi_1": d**-0.5, "wo": inner**-0.5}  # fmt: skip
    for name, parameter in model.named_parameters():
        kind = name.split(".")[-2]
        if kind in deviation:
            torch.nn.init.normal_(parameter, std=deviation[kind], generator=generator)
    return model


def rate(step):
    """Linear warm-up, then a cosine to a tenth; the mixture has a rate of its own."""
    if step >= STEPS["text"]:
        return MIXTURE_RATE
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    return RATE * (0.55 + 0.45 * math.cos(math.pi * (step - WARMUP) / (STEPS["text"] - WARMUP)))


def stream():
    """Batches (inputs, targets) of every step, the same at each start."""
    words = tokenizer()
    rng = np.random.default_rng(SEED)
    lines = [ids[:LONGEST] for ids in words.encode(read_lines()) if len(ids) >= 4]
    tasks = [(words.encode(it["prompt"]) + [1], words.encode(target_of(it)) + [1]) for task in TASKS for it in read_task(task, "train")[:SEEN]]
    text, asked = batches([(ids, None) for ids in lines], BATCH, rng), batches(tasks, BATCH // 2, rng)
    for _ in range(STEPS["text"]):
        yield [exercise(ids, rng) for ids, _ in next(text)]
    while True:
        yield [exercise(ids, rng) for ids, _ in next(text)[: BATCH // 2]] + next(asked)


def main():
    torch.manual_seed(SEED)
    model = initialised(T5(Shape(**SHAPE, dropout=0.0))).train()
    groups = [{"params": [value], "scale": SCALES.get(name.split(".")[-2], 1.0)} for name, value in model.named_parameters()]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    saved, first, seconds, losses = HERE / "build" / "t5_state.pt", 0, 0.0, []
    if saved.exists():
        state = torch.load(saved)
        first, seconds, losses = state["step"], state["seconds"], state["losses"]
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
    total, started, sums = sum(STEPS.values()), time.time() - seconds, []
    print(f"{sum(it.numel() for it in model.parameters())} parameters, from step {first}", flush=True)
    for step, batch in enumerate(islice(stream(), first, total), first):
        inputs, targets = zip(*batch)
        (ids, mask), (labels, real) = padded(inputs), padded(targets)
        for group in optimiser.param_groups:
            group["lr"] = rate(step) * group["scale"]
        tokens = real.sum(1)
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast; weights, their gradients, scores and the loss stay in fp32
            loss = (model(ids, mask, labels, real) * tokens).sum() / tokens.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        sums.append(loss.item())
        if (step + 1) % SAVE == 0 or step + 1 == total:
            losses.append(round(sum(sums) / len(sums), 4))
            seconds, sums = time.time() - started, []
            print(f"step {step + 1}: loss {losses[-1]}, {seconds:.0f} s", flush=True)
            state = {"step": step + 1, "seconds": seconds, "losses": losses, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(state, f"{saved}.new")
            Path(f"{saved}.new").replace(saved)
    record = {"seed": SEED, "batch": BATCH, "rate": RATE, "scales of the rate": SCALES, "warm-up steps": WARMUP, "steps": STEPS, "exercises": EXERCISES,
              "rate of the mixture": MIXTURE_RATE, "examples of each task": SEEN, "parameters": sum(it.numel() for it in model.parameters()),
              "threads": torch.get_num_threads(),
              "seconds": round(seconds), f"loss of each {SAVE} steps": losses}  # fmt: skip
    torch.save({"weights": {name: value.half() for name, value in model.state_dict().items()}, "record": record}, HERE / "build" / "t5_base.pt")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
