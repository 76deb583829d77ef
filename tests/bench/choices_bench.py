"""choices_bench.py: examples per second that `isomerge evaluate` and transformers in eager mode answer of the mini language suite's multiple-choice tasks.

The same weights, texts, threads and cores, processes in turns; loading the model is left out on both sides, and each has computed before its clock starts. The right
answers are counted first: both sides must have as many, but for one in a thousand (rounding decides between choices of equal probability). Prints the median of the paired ratios;
the bar is 1.5. Run it with the Python of tests/interop/clip_venv.sh: build/clip-venv/bin/python.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SUITE, WEIGHTS = ROOT / "experiments/suites/mini_language.json", ROOT / "models/mini/t5/base.safetensors"
LEAST = 1.5


def output(command, threads):
    cores = sorted(os.sched_getaffinity(0))[:threads]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if result.returncode != 0:
        sys.exit(f"exit code {result.returncode}: {' '.join(map(str, command))}\n{result.stderr}")
    return json.loads(result.stdout)


def isomerge(args):
    tasks = [word for name in args.tasks for word in ("--task", name)]
    found = output([args.isomerge, "evaluate", SUITE, "--weights", WEIGHTS, *tasks, "--json", "--quiet", "--threads", args.threads], args.threads)
    return {it["task"]: (it["correct"], it["seconds"]) for it in found["tasks"]}


def eager(args):
    found = output([sys.executable, HERE / "eager_choices.py", "--suite", SUITE, "--weights", WEIGHTS, "--threads", args.threads], args.threads)
    args.tasks = list(found)
    return {name: (it["right"], it["seconds"]) for name, it in found.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--isomerge", type=pathlib.Path, default=ROOT / "build/isomerge")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    ratios = []
    for turn in range(args.rounds):
        there, here = eager(args), isomerge(args)
        for task, (right, _) in there.items():
            if abs(here[task][0] - right) > 1:
                sys.exit(f"{task}: isomerge has {here[task][0]} right answers, transformers {right}")
        seconds = [sum(it[1] for it in side.values()) for side in (here, there)]
        ratios.append(seconds[1] / seconds[0])
        print(f"round {turn + 1}: isomerge {seconds[0]:.2f} s, transformers {seconds[1]:.2f} s, {ratios[-1]:.2f} times", flush=True)
    median = statistics.median(ratios)
    print(f"{len(args.tasks)} tasks, {args.threads} thread(s): {median:.2f} times as fast as transformers in eager mode (bar: {LEAST})")
    sys.exit(0 if median >= LEAST else 1)


main()
