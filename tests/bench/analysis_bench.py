"""analysis_bench.py: `isomerge analyze sar pairs spectrum` against straightforward_analysis.py.

Whole processes in turns on the same files (make_experts.py, warm page cache), with the same number
of threads. The first answers are compared before anything is reported: every SAR within 5e-4 (a rank
that float32 decides may be one off), every singular value within 1e-4 of the largest of its matrix. Writes results/bench/analysis.json, prints
one line of a table, and fails if isomerge is not --least times faster. Medians of wall time; "net"
leaves out Python's start. Run it on an idle machine: the line says what the load was.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import sys

import numpy as np

import bench
import machine

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = {"sar": 5e-4, "value": 1e-4}


def commands(args, folder):
    inputs = ["--base", folder / "base.safetensors", "--threads", args.threads]
    for t in range(args.tasks):
        inputs += ["--expert", f"t{t}={folder / f'expert_{t}.safetensors'}"]
    return ([args.isomerge, "analyze", "sar", "pairs", "spectrum", "--quiet", "--json"] + inputs,
            [sys.executable, HERE / "straightforward_analysis.py"] + inputs)


def compare(fast, slow, tasks):
    """Largest differences of a SAR and of a singular value; stops where one is too large."""
    ours = fast["sar"][0]["groups"][0]["values"], fast["pairs"][0]["groups"][0]["values"]
    alignment = max(float(np.abs(np.subtract(a, b)).max())
                    for a, b in zip(ours, (slow["sar"], slow["pairs"])))
    order, value, compared = [f"t{t}" for t in range(tasks)] + ["merged"], 0.0, 0
    for spectrum in fast["spectrum"]:
        other = np.array(slow["spectra"][spectrum["matrix"]][order.index(spectrum["of"])])
        value = max(value, float(np.abs(np.array(spectrum["values"]) - other).max() / other[0]))
        compared += 1
    if compared != (tasks + 1) * len(slow["spectra"]):
        sys.exit(f"{compared} spectra against {len(slow['spectra'])} matrices")
    if not (alignment <= TOLERANCE["sar"] and value <= TOLERANCE["value"]):
        sys.exit(f"SAR differs by {alignment:.1e}, values by {value:.1e}; nothing to time")
    return {"sar": alignment, "value": value, "spectra": compared}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", default="vit_b16")
    parser.add_argument("--blocks", type=int, default=2, help="0: all of them")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slow-repeats", type=int, default=1)
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench")
    parser.add_argument("--least", type=float, default=4.0, help="ratio below which it fails")
    args = parser.parse_args()
    folder = bench.prepare(args.scratch.resolve(), args.shape, args.blocks, args.tasks)
    sides, load = commands(args, folder), os.getloadavg()[0]
    walls, peaks, net = ([], []), ([], []), []
    for turn in range(max(args.repeats, args.slow_repeats)):
        answers = [None, None]
        for side, repeats in enumerate((args.repeats, args.slow_repeats)):
            if turn < repeats:
                seconds, peak, text = bench.run(sides[side])
                walls[side].append(seconds)
                peaks[side].append(peak)
                answers[side] = json.loads(text)
        if turn == 0:
            difference = compare(*answers, args.tasks)
        if answers[1]:
            net.append(sum(answers[1]["seconds"].values()))
    fast, slow = (bench.summary(*pair) for pair in zip(walls, peaks))
    result = {"name": "analysis", "date": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
              "hardware": machine.hardware(), "versions": bench.version_texts(args.isomerge),
              "shape": args.shape, "blocks": args.blocks, "tasks": args.tasks,
              "threads": args.threads, "load_before": load, "load_after": os.getloadavg()[0],
              "difference": difference, "isomerge": fast, "straightforward": slow,
              "ratio": slow["median"] / fast["median"],
              "ratio_net": statistics.median(net) / fast["median"]}
    path = bench.ROOT / "results" / "bench" / "analysis.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"analysis of {args.shape}, {args.blocks or 'all'} blocks, T = {args.tasks}, "
          f"{args.threads} threads: isomerge {fast['median']:.1f} s, {fast['peak_rss'] / 2**20:.0f} "
          f"MiB; straightforward {slow['median']:.1f} s, {slow['peak_rss'] / 2**20:.0f} MiB; ratio "
          f"{result['ratio']:.1f} (net {result['ratio_net']:.1f}); SAR differs by "
          f"{difference['sar']:.0e}; load {load:.1f} before, {result['load_after']:.1f} after")
    if result["ratio"] < args.least:
        sys.exit(f"less than {args.least:g} times faster")


if __name__ == "__main__":
    main()
