"""bench.py [--preset bench|full]: isomerge against the straightforward merge, whole processes.

Each cell (shape, blocks, tasks, method) runs both programs alternately on the same files (warm page
cache), isomerge --repeats times, the other --slow-repeats times. The first pair of outputs is
compared before anything is reported: relative Frobenius difference of the merged update of every
tensor at most 1e-3, else the benchmark stops. Where isomerge reports that it left c directions zero
(null_directions; the other side takes whatever the SVD returns), a tensor may also differ by a
matrix of rank c.

Writes results/bench/<name>.json and prints its table; --table FILE prints the table of an old one.
Ratios are medians of wall time; "net" leaves out Python's start: load + merge + write as the
straightforward script measures them, against isomerge's whole wall time. Bound: lower_bound.py.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "golden"))
import clip_shapes
import container
import lower_bound
import machine
import make_experts

SVD_METHODS = ("iso_c", "tsv_m", "iso_cts")
# (shape, blocks, tasks, methods); blocks 0: all. One block where the straightforward side would
# need minutes: the whole of `bench` has to stay below ten.
PRESETS = {
    "bench": [("vit_b32", 0, 8, ("task_arithmetic", "ties")), ("vit_b16", 2, 8, SVD_METHODS),
              ("vit_l14", 2, 8, SVD_METHODS), ("vit_b16", 2, 20, SVD_METHODS),
              ("vit_l14", 1, 20, SVD_METHODS)],
    "full": [(shape, 0, tasks, ("average", "task_arithmetic", "ties", "consensus_ta", *SVD_METHODS))
             for shape in clip_shapes.SHAPES for tasks in (8, 20)]}
TOLERANCE = 1e-3


class Skipped(Exception):
    pass


def run(command):
    """Wall seconds, peak memory in bytes and standard output of one process."""
    launcher = [sys.executable, "-I", "-S", HERE / "launch.py"]
    process = subprocess.run([str(part) for part in launcher + command], stdout=subprocess.PIPE,
                             text=True)
    if process.returncode != 0:
        sys.exit(f"cannot run {' '.join(map(str, command))}")
    found = json.loads(process.stdout)
    if found["code"] != 0:
        sys.exit(f"exit code {found['code']}: {' '.join(map(str, command))}")
    return found["seconds"], found["peak_rss"], found["output"]


def prepare(scratch, shape, blocks, tasks):
    """Folder with the base and at least so many experts; made whole or not at all."""
    folder = scratch / f"{shape}-{blocks or 'all'}"
    if (folder / f"expert_{tasks - 1}.safetensors").exists():
        return folder
    size = sum(4 * int(np.prod(t.shape)) for t in clip_shapes.visual(shape, blocks))
    scratch.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(scratch).free < (tasks + 3) * size:
        raise Skipped(f"{(tasks + 3) * size / 2**30:.0f} GiB of disk needed")
    partial = folder.with_name(folder.name + ".partial")
    for old in (folder, partial):
        shutil.rmtree(old, ignore_errors=True)
    print(f"making {folder.name}: {tasks} experts of {size / 2**20:.0f} MiB", file=sys.stderr)
    make_experts.write(partial, shape, tasks, blocks)
    partial.rename(folder)
    return folder


def commands(args, method, folder, tasks):
    """Of both sides: name -> (command, output)."""
    inputs = ["--method", method, "--base", folder / "base.safetensors", "--threads", args.threads]
    for t in range(tasks):
        inputs += ["--expert", f"t{t}={folder / f'expert_{t}.safetensors'}"]
    sides = {"isomerge": [args.isomerge, "merge", "--quiet", "--json"],
             "straightforward": [sys.executable, HERE / "straightforward.py"]}
    outputs = {side: args.scratch / f"merged_{side}.safetensors" for side in sides}
    return {side: (start + inputs + ["--out", outputs[side]], outputs[side])
            for side, start in sides.items()}


def beyond_rank(difference, rank):
    """Norm of a matrix without its largest `rank` singular values."""
    if rank == 0 or difference.ndim != 2:
        return float(np.linalg.norm(difference))
    return float(torch.linalg.svdvals(torch.from_numpy(difference).double())[rank:].norm())


def compare(base, first, second, null_directions):
    """Largest relative difference of a tensor's merged update; stops where it is too large."""
    files = [container.load(path)[0] for path in (base, first, second)]
    if any(set(file) != set(files[0]) for file in files):
        sys.exit(f"{first}, {second}: not the tensors of the base")
    worst, where, excused = 0.0, "", 0
    for name, start in files[0].items():
        norm = float(np.linalg.norm(files[2][name] - start))
        difference = files[1][name] - files[2][name]
        value = float(np.linalg.norm(difference)) / norm if norm > 0 else float(difference.any())
        if TOLERANCE < value < np.inf and null_directions > 0 and norm > 0:
            value, excused = beyond_rank(difference, null_directions) / norm, excused + 1
        if not value <= TOLERANCE:
            sys.exit(f"{name}: the two merged updates differ by {value:.1e}; nothing to time")
        worst, where = max((worst, where), (value, name))
    return {"worst": worst, "tensor": where, "null_directions": null_directions,
            "tensors_differing_by_their_rank": excused}


def summary(walls, peaks, **more):
    return dict({"seconds": walls, "min": min(walls), "median": statistics.median(walls),
                 "peak_rss": max(peaks)}, **more)


class Cell:
    """One line of the table."""

    def __init__(self, shape, blocks, tasks, method):
        self.shape, self.blocks, self.tasks, self.method = shape, blocks, tasks, method
        self.most_tasks = tasks
        tensors = clip_shapes.visual(shape, blocks)
        self.matrices = [t.shape for t in tensors if len(t.shape) == 2]
        self.size = sum(4 * int(np.prod(t.shape)) for t in tensors)

    def about(self):
        return {"shape": self.shape, "blocks": self.blocks or clip_shapes.SHAPES[self.shape].blocks,
                "tasks": self.tasks, "method": self.method}

    def slow_seconds(self, rates):
        """Rough guess of one straightforward run."""
        work = lower_bound.svd_flops(self.method, self.matrices, self.tasks)
        return 3 + work * rates["svd_s_per_flop"] + 1.5e-9 * self.size * self.tasks

    def slow_memory(self):
        """Experts as updates, base, merged; flat methods hold the updates twice."""
        copies = 2.2 if self.method in ("ties", "consensus_ta") else 1
        return (copies * self.tasks + 4) * self.size

    def measure(self, args, rates, deadline):
        folder = prepare(args.scratch, self.shape, self.blocks, self.most_tasks)
        sides = commands(args, self.method, folder, self.tasks)
        times = {side: [] for side in sides}
        own, result = [], self.about()
        slow = args.slow_repeats
        if self.slow_memory() > machine.memory_available():
            slow, result["note"] = 0, "the straightforward side does not fit into memory"
        for turn in range(max(args.repeats, slow)):
            if turn < args.repeats and (turn == 0 or time.monotonic() < deadline):
                *cost, text = run(sides["isomerge"][0])
                times["isomerge"].append(cost)
                null_directions = json.loads(text)["merges"][0]["null_directions"]
            if turn < slow:
                *cost, text = run(sides["straightforward"][0])
                times["straightforward"].append(cost)
                own.append(json.loads(text)["seconds"])
                if turn == 0:
                    result["difference"] = compare(folder / "base.safetensors", *(
                        out for _, out in sides.values()), null_directions)
        result["isomerge"] = summary(*zip(*times["isomerge"]))
        result["bound"] = lower_bound.bound(self.method, self.matrices, self.tasks, self.size,
                                            rates)
        if own:
            result["straightforward"] = summary(*zip(*times["straightforward"]), own=own)
            net = statistics.median(sum(seconds.values()) for seconds in own)
            median = result["isomerge"]["median"]
            result["ratio"] = result["straightforward"]["median"] / median
            result["ratio_net"] = net / median
        for _, out in sides.values():
            out.unlink(missing_ok=True)
        return result


def version_texts(isomerge):
    text = subprocess.run([isomerge, "--version"], capture_output=True, text=True).stdout
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout
    return {"isomerge": text.strip().splitlines(), "commit": commit.strip(),
            "python": platform.python_version(), "torch": torch.__version__,
            "numpy": np.__version__}


def has_method(isomerge, method):
    return subprocess.run([isomerge, "methods", method], capture_output=True).returncode == 0


def measure_all(cells, args):
    rates = machine.rates(args.threads)
    deadline = time.monotonic() + args.limit if args.limit else float("inf")
    results, load = [], os.getloadavg()[0]
    for cell in cells:
        about = cell.about()
        label = "{shape} {blocks} blocks T={tasks} {method}".format(**about)
        try:
            if not has_method(args.isomerge, cell.method):
                raise Skipped("isomerge has no such method")
            if time.monotonic() + 1.3 * cell.slow_seconds(rates) > deadline:
                raise Skipped("no time left")
            results.append(cell.measure(args, rates, deadline))
            print(f"{label}: isomerge {results[-1]['isomerge']['median']:.2f} s", file=sys.stderr)
        except Skipped as reason:
            results.append(dict(about, skipped=str(reason)))
            print(f"{label}: skipped, {reason}", file=sys.stderr)
    now = datetime.datetime.now().astimezone().isoformat("T", "seconds")
    return {"name": args.name, "date": now,
            "hardware": machine.hardware(), "versions": version_texts(args.isomerge),
            "threads": args.threads, "load_before": load, "rates": rates, "cells": results}


def row(cell):
    start = [cell["shape"], cell["blocks"], cell["tasks"], cell["method"]]
    if "skipped" in cell:
        return start + [f"skipped: {cell['skipped']}"] + [""] * 8
    fast, slow = cell["isomerge"], cell.get("straightforward")
    seconds = lambda side: f"{side['median']:.2f} ({side['min']:.2f})"
    mib = lambda side: f"{side['peak_rss'] / 2**20:.0f}"
    bound = cell["bound"]["seconds"]
    both, worst = ["-"] * 3, cell.get("note", "-")
    if slow:
        both = [seconds(slow), f"{cell['ratio']:.1f}", f"{cell['ratio_net']:.1f}"]
        worst = f"{cell['difference']['worst']:.0e}"
    return (start + [seconds(fast)] + both + [mib(fast), mib(slow) if slow else "-", worst] +
            [f"{bound:.2f}", f"{fast['median'] / bound:.1f}"])


HEAD = ["shape", "blocks", "T", "method", "isomerge s (min)", "straightforward s (min)", "ratio",
        "net", "MiB", "MiB, other", "difference", "bound s", "times bound"]


def table(result):
    """Markdown."""
    hardware, versions, rates = result["hardware"], result["versions"], result["rates"]
    lines = [f"{result['name']}, {result['date']}, {versions['commit']}: {hardware['cpu']}, "
             f"{hardware['cores']} cores, {hardware['memory_gib']} GiB, "
             f"{result['threads']} threads, load {result['load_before']:.1f} before; "
             f"torch {versions['torch']}; read {rates['read_bytes_per_s'] / 1e9:.1f} GB/s, "
             f"GEMM {rates['gemm_flop_per_s'] / 1e9:.0f} Gflop/s", ""]
    for cells in (HEAD, ["---"] * len(HEAD), *map(row, result["cells"])):
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def chosen(args):
    if args.shape:
        methods = args.method or SVD_METHODS
        groups = [(s, args.blocks, t, methods) for s in args.shape for t in args.tasks]
    else:
        groups = PRESETS[args.preset]
    cells = [Cell(*group[:3], method) for group in groups for method in group[3]]
    for cell in cells:  # experts are made once, as many as the largest cell needs
        same = [c for c in cells if (c.shape, c.blocks) == (cell.shape, cell.blocks)]
        cell.most_tasks = max(c.tasks for c in same)
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="bench")
    parser.add_argument("--shape", nargs="+", choices=clip_shapes.SHAPES,
                        help="instead of a preset")
    parser.add_argument("--blocks", type=int, default=0, help="0: all of them")
    parser.add_argument("--tasks", nargs="+", type=int, default=[8])
    parser.add_argument("--method", nargs="+")
    parser.add_argument("--isomerge", default=ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slow-repeats", type=int, default=1)
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--limit", type=float, help="seconds; cells that would pass it are skipped")
    parser.add_argument("--name", help="of results/bench/<name>.json")
    parser.add_argument("--table", type=pathlib.Path, help="only print the table of this result")
    args = parser.parse_args()
    if args.table:
        return print(table(json.loads(args.table.read_text())))
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    args.name = args.name or ("custom" if args.shape else args.preset)
    cells = chosen(args)
    result = measure_all(cells, args)
    path = ROOT / "results" / "bench" / f"{args.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(table(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
