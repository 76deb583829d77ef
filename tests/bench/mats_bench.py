"""mats_bench.py: statistics and MaTS of eight T5 experts at T5-Large's widths, and MaTS against scipy.

A T5 v1.1 of T5-Large's widths with 2 + 2 blocks and random weights, eight experts near it, the mini
language suite's texts. Prints time and peak memory of `isomerge statistics --kind kfac` and of MaTS
with --objective kfac; the bar is --max-memory beside the base's weights. What 24 + 24 blocks and 100
steps would take follows from the measured parts: statistics grow with the blocks, a merge with blocks
and steps (two merges of different steps tell what one step costs).

Then the first encoder block's seven matrices alone, by objective: `isomerge merge` as a whole process,
reading and writing included, against scipy.sparse.linalg.cg in fp32 on the same operators (numpy's
products on the same cores): the solver against ours, which is what the steps add to a merge without a
step; and the whole of both, from the files to the merged matrices, which scipy's side does not write.
Both take the same number of steps from the same start; how well both have solved the system is compared
first. K-FAC's steps are products of matrices in fp32 and nothing else on both sides: their ratio is
that of two BLAS libraries. Run it with build/clip-venv/bin/python
(tests/interop/clip_venv.sh) and scipy in it.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np
from safetensors.numpy import load_file, save_file

import bench

SUITE = bench.ROOT / "experiments/suites/mini_language.json"
WIDTHS = {"model_type": "t5", "vocab_size": 32128, "d_model": 1024, "d_kv": 64, "num_heads": 16, "d_ff": 2816, "num_layers": 2, "num_decoder_layers": 2,
          "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
          "architectures": ["T5ForConditionalGeneration"]}  # fmt: skip
WHOLE_BLOCKS, BLOCKS, WHOLE_STEPS = 48, 4, 100
START = 0.3  # of task arithmetic, as `isomerge methods` has it


def make(scratch, tasks):
    """The suite's file; models are made once."""
    suite = json.loads(re.sub(r"(?m)^\s*//.*$", "", SUITE.read_text()))
    place = lambda path: str((SUITE.parent / path).resolve())  # noqa: E731
    suite.update(model=str(scratch / "model.pt"), base=str(scratch / "base.safetensors"), tokenizer=place(suite["tokenizer"]))
    suite["tasks"] = suite["tasks"][:tasks]
    for task in suite["tasks"]:
        task.update(expert=str(scratch / f"{task['name']}.safetensors"), data=place(task["data"]), train=place(task["train"]))
    last = pathlib.Path(suite["tasks"][-1]["expert"])
    if not last.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "config.json").write_text(json.dumps(WIDTHS))
        script = f"import clip_run, runpy; clip_run.declare(); runpy.run_path({str(bench.ROOT / 'models/export_t5.py')!r}, run_name='__main__')"
        subprocess.run([sys.executable, "-c", script, "--model", scratch / "config.json", "--skeleton", "--seed", "1", "--out", suite["model"], "--base", suite["base"]],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": f"{bench.ROOT / 'tests/interop'}:{bench.ROOT / 'models'}"})  # fmt: skip
        base = load_file(suite["base"])
        random = np.random.default_rng(1)
        for task in suite["tasks"]:
            near = {name: value + np.float32(0.02 * value.std()) * random.standard_normal(value.shape, dtype=np.float32) for name, value in base.items()}
            save_file(near, scratch / "new.safetensors")
            os.replace(scratch / "new.safetensors", task["expert"])
    path = scratch / "suite.json"
    path.write_text(json.dumps(suite))
    return path, suite


def merge(args, suite, objective, steps, more=()):
    command = [args.isomerge, "merge", "--quiet", "--json", "--method", "mats", "--option", f"objective={objective}", "--option", f"iterations={steps}",
               "--option", "stopping=current", "--statistics", args.scratch / "statistics", "--base", suite["base"], "--out", args.scratch / "merged.safetensors",
               "--threads", args.threads, *more]  # fmt: skip
    for task in suite["tasks"]:
        command += ["--expert", f"{task['name']}={task['expert']}"]
    seconds, peak, _ = bench.run(command)
    return seconds, peak


def unpacked(packed, n):
    full = np.zeros((n, n), np.float32)
    full[np.tril_indices(n)] = packed
    return full + np.tril(full, -1).T


def grams(args, suite, kind, weight, n):
    from safetensors import safe_open

    out = []
    for task in suite["tasks"]:
        with safe_open(args.scratch / "statistics" / f"{task['name']}.{kind}.safetensors", "np") as file:
            name = (file.metadata() or {}).get(f"isomerge.input.{weight}", f"input/{weight}") if kind == "input" else f"output/{weight}"
            out.append(unpacked(file.get_tensor(name), n))
    return out


def system(args, suite, experts, weight, objective):
    """The operator on matrices, and the right side."""
    m, n = experts[0][weight].shape
    inputs = grams(args, suite, "input", weight, n)
    if objective == "regmean":
        total = sum(inputs)
        return lambda w: w @ total, sum(expert[weight] @ a for expert, a in zip(experts, inputs))
    outputs = grams(args, suite, "output", weight, m)
    return (lambda w: sum(b @ (w @ a) for a, b in zip(inputs, outputs)),
            sum(b @ (expert[weight] @ a) for expert, a, b in zip(experts, inputs, outputs)))  # fmt: skip


def by_scipy(apply, right, start, steps):
    """Seconds of the solver, and the matrix it found."""
    from scipy.sparse.linalg import LinearOperator, cg

    shape, size = right.shape, right.size
    operator = LinearOperator((size, size), matvec=lambda x: apply(x.reshape(shape)).ravel(), dtype=np.float32)
    before = time.perf_counter()
    found, _ = cg(operator, right.ravel(), x0=start.ravel(), rtol=1e-5, atol=0.0, maxiter=steps)
    return time.perf_counter() - before, found.reshape(shape)


def against_scipy(args, suite):
    before = time.perf_counter()
    base = load_file(suite["base"])
    experts = [load_file(task["expert"]) for task in suite["tasks"]]
    loading = time.perf_counter() - before
    weights = [name for name in base if name.startswith("encoder.block.0.") and base[name].ndim == 2 and "bias" not in name]
    others = [word for name in base if name not in weights for word in ("--exclude", name)]
    for objective, steps in (("regmean", WHOLE_STEPS), ("kfac", args.steps)):
        reading, _ = merge(args, suite, objective, 0, others)
        seconds, _ = merge(args, suite, objective, steps, others)
        merged = load_file(args.scratch / "merged.safetensors")
        theirs = worst = 0.0
        whole = loading
        for weight in weights:
            before = time.perf_counter()
            start = base[weight] + np.float32(START) * sum(expert[weight] - base[weight] for expert in experts)
            apply, right = system(args, suite, experts, weight, objective)
            one, found = by_scipy(apply, right, start, steps)
            theirs += one
            whole += time.perf_counter() - before
            # Directions that no input has are decided by rounding: what counts is how well the system is solved.
            left = [np.linalg.norm(apply(w) - right) / np.linalg.norm(right) for w in (merged[weight], found)]
            worst = max(worst, left[0])
            if left[0] > max(1.5 * left[1], 2e-5):
                sys.exit(f"{objective}, {weight}: relative residual {left[0]:.1e}, scipy's {left[1]:.1e}")
        print(f"{objective}, at most {steps} steps, {len(weights)} matrices: isomerge {seconds:.1f} s, of which {reading:.1f} s without a step; scipy {whole:.1f} s, its solver "
              f"{theirs:.1f} s; ratio of the solvers {theirs / (seconds - reading):.2f}, of the whole {whole / seconds:.2f}; largest relative residual {worst:.1e}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--examples", type=int, default=4)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--max-memory", type=float, default=4.0, help="GiB beside the base's weights")
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench/mats")
    args = parser.parse_args()
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    path, suite = make(args.scratch, args.tasks)
    weights = os.path.getsize(suite["base"])
    allowed = int(args.max_memory * 2**30)
    shutil.rmtree(args.scratch / "statistics", ignore_errors=True)

    seconds, peak, _ = bench.run([args.isomerge, "statistics", path, "--kind", "kfac", "--out", args.scratch / "statistics", "--examples", args.examples, "--max-memory",
                                  allowed, "--threads", args.threads, "--quiet"])  # fmt: skip
    size = sum(file.stat().st_size for file in (args.scratch / "statistics").iterdir())
    each = seconds / args.tasks / args.examples
    print(f"statistics of {args.tasks} experts, {args.examples} examples each: {seconds:.1f} s, peak {peak / 2**30:.2f} GiB, weights {weights / 2**30:.2f} GiB, "
          f"files {size / 2**30:.2f} GiB; {WHOLE_BLOCKS} blocks and 1000 examples: {each * 1000 * args.tasks * WHOLE_BLOCKS / BLOCKS / 3600:.0f} h, "
          f"files {size * WHOLE_BLOCKS / BLOCKS / 2**30:.0f} GiB", flush=True)  # fmt: skip
    peaks = [peak]
    times = {}
    for steps in (1, args.steps):
        times[steps], peak = merge(args, suite, "kfac", steps, ("--max-memory", allowed))
        peaks.append(peak)
    step = (times[args.steps] - times[1]) / (args.steps - 1)
    whole = (times[1] - step + WHOLE_STEPS * step) * WHOLE_BLOCKS / BLOCKS
    print(f"MaTS, K-FAC, {args.steps} steps: {times[args.steps]:.1f} s, peak {peaks[-1] / 2**30:.2f} GiB; a step {step:.2f} s; {WHOLE_BLOCKS} blocks and {WHOLE_STEPS} "
          f"steps: {whole / 60:.0f} min, the same memory", flush=True)  # fmt: skip
    against_scipy(args, suite)
    sys.exit(int(max(peaks) - weights > allowed))


if __name__ == "__main__":
    main()
