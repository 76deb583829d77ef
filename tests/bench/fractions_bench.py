"""fractions_bench.py: a grid of ten common fractions of Iso-CTS in one process, against single merges.

The grid 0.5, 0.55 ... 0.95 between single merges of the first, a middle and the last fraction, whose
mean counts as one single merge (all of them on the same files, warm page cache). Before anything is
reported, the grid's merges are compared with the single ones. With --more, the ten are merged once more, one process
each, with all factors in the cache. Prints the times, the factors shared and reused, and the ratio;
exit code 1 if the ten cost more than --most single merges.
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
SINGLES = (0.5, 0.7, 0.95)


def merge(args, folder, out, how):
    """Seconds of one process, and what it printed."""
    command = [args.isomerge, "merge", "--quiet", "--json", "--method", "iso_cts", "--threads",
               args.threads, "--base", folder / "base.safetensors", "--out", out]
    for t in range(args.tasks):
        command += ["--expert", f"t{t}={folder / f'expert_{t}.safetensors'}"]
    seconds, _, text = bench.run(command + how)
    return seconds, json.loads(text)


def option(fraction):
    return ["--option", f"common_fraction={fraction}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shape", choices=clip_shapes.SHAPES, default="vit_l14")
    parser.add_argument("--blocks", type=int, default=1, help="0: all of them")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--most", type=float, default=4.0)
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench")
    args = parser.parse_args()
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    folder = bench.prepare(args.scratch, args.shape, args.blocks, args.tasks)
    cache, out = args.scratch / "cache", args.scratch / "fractions"
    plain = args.scratch / "merged_single.safetensors"
    for path in (cache, out):
        shutil.rmtree(path, ignore_errors=True)
    out.mkdir()
    merge(args, folder, plain, option(SINGLES[0]))  # fills the page cache
    singles, grids, ratios = [], [], []
    for _ in range(2):
        shutil.rmtree(cache, ignore_errors=True)
        seconds, found = merge(args, folder, out / "{common_fraction}.safetensors",
                               ["--grid", "common_fraction=" + ",".join(map(str, FRACTIONS))]
                               + (["--cache", cache] if args.more else []))
        times = []
        for fraction in SINGLES:
            times.append(merge(args, folder, plain, option(fraction))[0])
            bench.compare(folder / "base.safetensors", out / f"{fraction}.safetensors", plain,
                          found["merges"][FRACTIONS.index(fraction)]["null_directions"])
        grids.append(seconds)
        singles.append(statistics.mean(times))
        ratios.append(seconds / singles[-1])
        print(f"grid {seconds:.2f} s; single merges " + ", ".join(f"{one:.2f}" for one in times) + " s",
              flush=True)
    shared = sum(one["factors_shared"] for one in found["merges"])
    single, grid, ratio = (statistics.mean(values) for values in (singles, grids, ratios))
    print(f"{args.shape}, {args.blocks or 'all'} blocks, T = {args.tasks}, {args.threads} threads: one "
          f"merge {single:.2f} s, ten in one process {grid:.2f} s = {ratio:.2f} single merges, "
          f"{ratio / 10:.2f} of ten, "
          f"{(grid - single) / 9:.2f} s for each further fraction; {shared} factors shared; "
          f"{found['peak_memory'] / 2**20:.0f} MiB of memory")
    if args.more:
        again(args, folder, out, cache)
    plain.unlink()
    shutil.rmtree(out)
    sys.exit(int(ratio > args.most))


def again(args, folder, out, cache):
    """The same fractions one by one, from the cache that the grid has filled."""
    times = []
    for fraction in FRACTIONS:
        seconds, found = merge(args, folder, out / "again.safetensors",
                               option(fraction) + ["--cache", cache])
        times.append(seconds)
    size = sum(file.stat().st_size for file in cache.iterdir())
    print(f"one by one from the cache: {statistics.median(times):.2f} s each, {found['factors_reused']} "
          f"factors reused, {found['factors_computed']} computed; cache {size / 2**20:.0f} MiB")
    shutil.rmtree(cache)


if __name__ == "__main__":
    main()
