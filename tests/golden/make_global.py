"""Writes global.safetensors: models and what the global methods make of them (global_cases.json).

Updates and bases are small multiples of 2^-10, so that every sum is exact in float32 and ties at a
threshold, equality in a mask and sums of zero happen and mean the same in every precision. What is
left to rounding is one division per entry (the mean), which float32 rounds to the float32 nearest
the stored float64. Runs with a bar divide by a number that is no power of two; for those, and for
masks with such a lambda, this script refuses models in which a comparison comes close to a tie.
README.md says what the file holds. Takes seconds.
"""
import json
import math
import sys

import numpy as np
import torch

import container
import formula
import reference

FORMAT, COMMAND = "isomerge-golden-global-1", ".venv/bin/python tests/golden/make_global.py"
STEP = 2.0**-10
LIMITS = {"steps": (-40, 40), "few": (-2, 2), "wide": (-4000, 4000), "low": (-60, 20),
          "high": (-20, 60), "scales": (-40, 40), "hole": (-40, 40), "same": (-40, 40),
          "cancel": (-40, 40)}
NEAR = 1e-5  # relative distance below which float32 could decide a comparison the other way


def whole(case, name, task, kind, count):
    """Hashed integers in the limits of the kind, in units of STEP."""
    low, high = LIMITS[kind]
    u = formula.uniform(f"{case}/{name}", formula.LEFT, task + 1, count)
    return np.floor((u + 1.0) / 2.0 * (high - low + 1)) + low


def update(case, tensor, task):
    name, kind, count = tensor["name"], tensor["kind"], math.prod(tensor["shape"])
    if kind in ("zero", "ids") or (kind == "hole" and task == 1):
        return np.zeros(tensor["shape"])
    origin = {"cancel": task // 2, "same": 0}.get(kind, task)  # cancel: pairs of opposite tasks
    x = whole(case, name, origin, kind, count).reshape(tensor["shape"])
    if kind == "cancel" and task % 2 == 1:
        x = -x
    return x * STEP * (2.0**(task % 4) if kind == "scales" else 1.0)


def base(case, tensor):
    if tensor["kind"] == "ids":
        return np.arange(math.prod(tensor["shape"])).reshape(tensor["shape"])
    count = math.prod(tensor["shape"])
    x = 0.5 * formula.uniform(f"{case}/{tensor['name']}", formula.BASE, 0, count)
    return formula.on_grid(x, 10).astype(np.float32).reshape(tensor["shape"])


def model(case, tensors, task):
    made = {}
    for tensor in tensors:
        x = base(case, tensor)
        made[tensor["name"]] = x if x.dtype == np.int64 else np.asarray(
            x.astype(np.float64) + update(case, tensor, task)).astype(np.float32)
    return made


def exact(arrays):
    return {name: torch.from_numpy(np.array(x)).to(torch.int64 if x.dtype == np.int64 else
                                                  torch.float64) for name, x in arrays.items()}


def dyadic(x):
    """Whether float32 holds the number, with bits to spare for a product."""
    return x * 256 == round(x * 256)


def refuse_near_masks(label, updates, scales):
    for name in updates[0]:
        total = sum(u[name] for u in updates)
        for u, scale in zip(updates, scales):
            other = scale * (total - u[name]).abs()
            close = (u[name].abs() - other).abs() <= NEAR * other
            if not dyadic(scale) and bool((close & (other > 0)).any()):
                sys.exit(f"{label} {name}: a mask hangs on rounding; choose other numbers")


def refuse_near_sums(label, updates, tasks, options):
    """For dare_ties with keep 1: no sum of thinned updates may be rounding noise."""
    thinned = [reference.dare(u, task, options.get("drop", 0.2), options.get("seed", 0))
               for u, task in zip(updates, tasks)]
    for name in updates[0]:
        total, mass = sum(x[name] for x in thinned).abs(), sum(x[name].abs() for x in thinned)
        if bool(((total <= NEAR * mass) & (mass > 0)).any()):
            sys.exit(f"{label} {name}: a sum hangs on rounding; choose other numbers")


def check(label, run, updates, tasks):
    options = run["options"]
    if run["method"] in ("consensus_ta", "tall_mask"):
        scales = reference.per_task(options.get("lambda", 0.4), len(tasks))
        refuse_near_masks(label, updates, scales)
    if "bar" in run:
        refuse_near_sums(label, updates, tasks, options)


def generate(case, tensors, kept):
    name, tasks = case["name"], [f"task{t}" for t in range(case["tasks"])]
    files = {"base": {t["name"]: base(name, t) for t in tensors}}
    files.update({task: model(name, tensors, t) for t, task in enumerate(tasks)})
    kept.update({f"{name}/{file}/{key}": x for file, m in files.items() for key, x in m.items()})
    start, *experts = [exact(m) for m in files.values()]
    updates = [{n: e[n] - x for n, x in start.items() if x.is_floating_point()} for e in experts]
    for run in case["runs"]:
        check(f"{name}/{run['name']}", run, updates, tasks)
        merged = reference.merge_model(run["method"], start, experts,
                                       dict(run["options"], exclude=case["exclude"]), tasks)
        kept.update({f"{name}/{run['name']}/{key}": x.numpy() for key, x in merged.items()})
        nonzero, entries = (sum(int(f(x)) for x in merged.values())
                            for f in (torch.count_nonzero, torch.numel))
        print(f"{name:12} {run['name']:18} {nonzero:5} of {entries} entries not zero")


def main():
    found, kept = json.loads((formula.FOLDER / "global_cases.json").read_text()), {}
    for case in found["cases"]:
        tensors = [{"name": t[0], "kind": t[1], "shape": t[2:]}
                   for t in found["models"][case["model"]]]
        generate(case, tensors, kept)
    for key in found["random"]:
        kept[f"random/{key}"] = reference.uniform(key, 16).numpy()
    metadata = {"format": FORMAT, "command": COMMAND}
    container.save(formula.FOLDER / "global.safetensors", kept, metadata)


if __name__ == "__main__":
    main()
