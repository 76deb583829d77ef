"""plan_bench.py [--preset quick|full]: seconds that `isomerge merge --dry-run` predicts, against the merge's own.

Each cell (shape, blocks, tasks, method, threads) is planned and merged --repeats times in turns, warm page cache; the
least of both is compared. "Seconds" are those of the merge itself, as its summary says them: without
the program's start, which no plan foresees. Merges of less than --least seconds are shown but do not
count: there it is single milliseconds of the disk that decide. A method may be followed by a grid.
Prints predicted, measured and ratio, and the worst ratio; exit code 1 if it is beyond --most.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

import bench
import clip_shapes

METHODS = ("average", "task_arithmetic", "ties", "dare_ties", "tsv_m", "iso_c", "iso_cts",
           "iso_cts common_fraction=0.6,0.8")
# (shape, blocks, tasks, methods, threads)
PRESETS = {
    "quick": [("vit_b16", 2, 8, ("ties", "tsv_m", "iso_c", METHODS[-1]), 2),
              ("vit_b16", 2, 2, ("tsv_m", "iso_cts"), 1), ("vit_l14", 1, 8, ("iso_c", "iso_cts"), 2)],
    "full": [(shape, blocks, tasks, METHODS, threads)
             for shape, blocks in (("vit_b32", 2), ("vit_b16", 2), ("vit_l14", 1))
             for tasks in (2, 8) for threads in (1, 2)]}


def command(args, folder, tasks, method, threads, out):
    name, *grid = method.split()
    words = [args.isomerge, "merge", "--quiet", "--json", "--method", name, "--threads", threads,
             "--base", folder / "base.safetensors"]
    for t in range(tasks):
        words += ["--expert", f"t{t}={folder / f'expert_{t}.safetensors'}"]
    placeholder = "{" + grid[0].split("=")[0] + "}" if grid else "merged"
    words += ["--out", out / f"{placeholder}.safetensors"]
    return words + (["--grid", *grid] if grid else [])


def measure(args, shape, blocks, tasks, method, threads, most_tasks):
    folder = bench.prepare(args.scratch, shape, blocks, most_tasks)
    out = args.scratch / "plan"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    words = command(args, folder, tasks, method, threads, out)
    seconds = lambda more: json.loads(bench.run(words + more)[2])["seconds"]
    turns = [(seconds(["--dry-run"]), seconds([])) for _ in range(args.repeats)]
    shutil.rmtree(out)
    return [min(times) for times in zip(*turns)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="quick")
    parser.add_argument("--shape", choices=clip_shapes.SHAPES, help="instead of a preset")
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", type=int, default=[2, 8])
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--threads", nargs="+", type=int, default=[os.cpu_count()])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--least", type=float, default=0.25)
    parser.add_argument("--most", type=float, default=1.5)
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench")
    args = parser.parse_args()
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    groups = PRESETS[args.preset]
    if args.shape:
        groups = [(args.shape, args.blocks, tasks, args.method, threads)
                  for tasks in args.tasks for threads in args.threads]
    worst, counted = 1.0, 0
    for shape, blocks, tasks, methods, threads in groups:
        most_tasks = max(group[2] for group in groups if group[:2] == (shape, blocks))
        for method in methods:
            predicted, measured = measure(args, shape, blocks, tasks, method, threads, most_tasks)
            ratio, counts = predicted / measured, measured >= args.least
            print(f"{shape} {blocks} blocks T={tasks} {threads} threads {method}: predicted "
                  f"{predicted:.2f} s, measured {measured:.2f} s, ratio {ratio:.2f}"
                  + ("" if counts else ", too short to count"), flush=True)
            if counts:
                worst, counted = max(worst, ratio, 1 / ratio), counted + 1
    print(f"worst ratio of {counted} merges: {worst:.2f}")
    sys.exit(int(counted == 0 or worst > args.most))


if __name__ == "__main__":
    main()
