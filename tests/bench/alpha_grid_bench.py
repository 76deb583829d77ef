"""alpha_grid_bench.py: what merging adds to a grid of 30 alphas, whose evaluations are real.

The first eight tasks of the mini vision suite, Iso-CTS, 30 alphas on the validation split. One merge
serves them all; each alpha scales it and binds the weights. Prints merging over evaluating; the bar
is 2 %. The mini encoder is small, and so are its evaluations: with a large one the share is smaller.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BAR = 0.02


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--isomerge", default=ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--alphas", type=int, default=30)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "grid.json"
        file.write_text(json.dumps({
            "title": "Alpha grid", "suite": str(ROOT / "experiments/suites/mini_vision.json"), "tasks": args.tasks,
            "methods": [{"method": "iso_cts", "alpha": f"0.1:{args.alphas / 10}:0.1"}]}))  # fmt: skip
        words = [args.isomerge, "run", file, "--results", f"{scratch}/results", "--json", "--quiet", "--threads", str(args.threads)]
        summary = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    expected = args.tasks * (args.alphas + 1 + 2)  # the grid, its test, the experts on both splits
    if summary["computed"] != expected or summary["failed"]:
        sys.exit(f"{summary['computed']} records computed, expected {expected}")
    share = summary["merge_seconds"] / summary["evaluate_seconds"]
    print(f"{args.alphas} alphas, {args.tasks} tasks, {args.threads} threads: merging, scaling and binding {summary['merge_seconds']:.2f} s, evaluating "
          f"{summary['evaluate_seconds']:.1f} s: {share:.2%} (bar {BAR:.0%})")  # fmt: skip
    sys.exit(int(share > BAR))


if __name__ == "__main__":
    main()
