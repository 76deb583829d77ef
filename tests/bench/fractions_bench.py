"""fractions_bench.py: ten common fractions of Iso-CTS with the factor cache, against single merges.

One process per fraction, 0.5, 0.55 ... 0.95, with an empty cache at the start, between runs of one
fraction without a cache (all of them on the same files, warm page cache). Before anything is
reported, the merge that took all factors from the cache is compared with one that had none.
Prints a line per run with the factors it computed and reused, and the ratio; exit code 1 if the ten
cost more than four single merges.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys

import bench
import clip_shapes

FRACTIONS = [round(0.5 + 0.05 * i, 2) for i in range(10)]
SINGLE, MOST = 0.8, 4.0


def merge(args, folder, out, fraction, cache):
    """Seconds of one process, and what it printed."""
    command = [args.isomerge, "merge", "--quiet", "--json", "--method", "iso_cts", "--threads",
               args.threads, "--base", folder / "base.safetensors", "--out", out,
               "--option", f"common_fraction={fraction}"]
    for t in range(args.tasks):
        command += ["--expert", f"t{t}={folder / f'expert_{t}.safetensors'}"]
    seconds, _, text = bench.run(command + (["--cache", cache] if cache else []))
    return seconds, json.loads(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=clip_shapes.SHAPES, default="vit_l14")
    parser.add_argument("--blocks", type=int, default=1, help="0: all of them")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench")
    args = parser.parse_args()
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    folder = bench.prepare(args.scratch, args.shape, args.blocks, args.tasks)
    cache, out = args.scratch / "cache", args.scratch / "merged_fraction.safetensors"
    plain = args.scratch / "merged_single.safetensors"
    shutil.rmtree(cache, ignore_errors=True)
    merge(args, folder, plain, SINGLE, None)  # fills the page cache
    singles, times = [], []
    for i, fraction in enumerate(FRACTIONS):
        if i % 3 == 0:
            singles.append(merge(args, folder, plain, SINGLE, None)[0])
        seconds, found = merge(args, folder, out, fraction, cache)
        times.append(seconds)
        print(f"common_fraction {fraction:<4} {seconds:6.2f} s, {found['factors_computed']} factors "
              f"computed, {found['factors_reused']} reused", flush=True)
        if fraction == SINGLE:
            bench.compare(folder / "base.safetensors", out, plain, found["null_directions"])
    size = sum(file.stat().st_size for file in cache.iterdir())
    for path in (out, plain):
        path.unlink()
    shutil.rmtree(cache)
    single = statistics.median(singles)
    ratio = sum(times) / single
    print(f"{args.shape}, {args.blocks or 'all'} blocks, T = {args.tasks}, {args.threads} threads: one "
          f"merge {single:.2f} s (without a cache, median of {len(singles)}), the first with the "
          f"cache {times[0]:.2f} s, each further fraction {statistics.median(times[1:]):.2f} s; all "
          f"ten {sum(times):.1f} s = {ratio:.2f} single merges; cache {size / 2**20:.0f} MiB")
    sys.exit(int(ratio > MOST))


if __name__ == "__main__":
    main()
