"""images_bench.py: images per second of `isomerge evaluate` and of open_clip in eager mode.

A ViT-B/32 with random weights on the same images, prepared in a pack and as JPEG files, with the
same threads and cores and in the same precision, processes in turns. Loading the model is left out on both sides, and
each has computed one batch before its clock starts. The first answers are compared before anything is reported: the
class of every image in fp32, of 98 in 100 in bf16; a class is an image of its own, so that a wrong
feature shows. Prints the median of the paired ratios and writes results/bench/images.json. Of prepared images the
same per second of the processors, which says more where other programs keep the machine busy.

Fails where isomerge in fp32 is below 0.97 of eager fp32, and with AMX in bf16 below 2.5 times eager fp32.
Run it with the Python of tests/interop/clip_venv.sh: build/clip-venv/bin/python.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import numpy as np
import torch

import bench
import eager_images
import machine
from PIL import Image
from safetensors.torch import load_file, save_file

HERE, ROOT = bench.HERE, bench.ROOT
SIDES = {"fp32": ("isomerge fp32", "eager fp32"),
         "bf16": ("isomerge bf16", "eager fp32", "eager bf16", "eager autocast")}
LEAST_FP32, LEAST_BF16, AGREE_BF16 = 0.97, 2.5, 0.98


def write_photographs(folder, count):
    """JPEG files of 500 x 375 pixels: random patches of colour, smooth as photographs are, and noise."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(count):
        patches = Image.fromarray(generator.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        pixels = np.asarray(patches.resize((500, 375), Image.BICUBIC)).astype(np.float32)
        pixels += generator.normal(0, 6, pixels.shape)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{index:04}.jpg", quality=92)


def write_list(path, folder, count):
    files = [[f"{i:04}.jpg", i, content_hash(folder / f"{i:04}.jpg")] for i in range(count)]
    classes = [f"image {i}" for i in range(count)]
    path.write_text(json.dumps({"format": "isomerge image list 1", "name": path.name.split(".")[0],
                                "classes": classes, "folder": folder.name, "splits": {"test": files}}))


def content_hash(path):
    return eager_images.pack.xxhash.xxh3_128_hexdigest(path.read_bytes())


def prepare(args):
    """Encoder, weights, images as files and in packs, a class for each image, and two suites."""
    folder = args.scratch / f"images-{args.images}"
    if (folder / "done").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    write_photographs(folder / "jpeg", args.images)
    for name, count in (("warm", min(args.images, 64)), ("images", args.images)):
        write_list(folder / f"{name}.images.json", folder / "jpeg", count)
        subprocess.run([args.isomerge, "pack", "--quiet", folder / f"{name}.images.json",
                        folder / f"{name}.pack", "--resize", "224", "--crop", "224"], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, HERE.parent / "interop/clip_run.py",
                    ROOT / "models/export_clip.py", "encoder", "--library", "open_clip", "--model",
                    eager_images.MODEL, "--skeleton", "--out", folder / "encoder.pt", "--base",
                    folder / "base.safetensors"], check=True, stdout=subprocess.DEVNULL)
    # Classes: what an image's feature has beyond the direction that all of them share.
    eager(args, folder, "eager fp32", "pack", ["--features", folder / "features.safetensors"])
    features = load_file(folder / "features.safetensors")["features"]
    shared = torch.nn.functional.normalize(features.mean(dim=0), dim=0)
    head = torch.nn.functional.normalize(features - (features @ shared)[:, None] * shared, dim=1)
    save_file({"images": head, "warm": head[:64].clone()},
              folder / "heads.safetensors")
    for kind, data, sizes in (("pack", "pack", {}), ("jpeg", "images.json", {"resize": 224, "crop": 224})):
        tasks = [{"name": name, "expert": expert, "data": f"{name}.{data}"}  # no expert is read
                 for name, expert in (("warm", "encoder.pt"), ("images", "heads.safetensors"))]
        suite = {"title": "Images per second", "encoder": "encoder.pt", "base": "base.safetensors",
                 "heads": "heads.safetensors", "tasks": tasks,
                 "preprocess": {"mean": [0.48145466, 0.4578275, 0.40821073],
                                "std": [0.26862954, 0.26130258, 0.27577711], **sizes}}
        (folder / f"{kind}.json").write_text(json.dumps(suite))
    (folder / "done").touch()
    return folder


def output(args, command):
    """Of a process that has as many cores as threads."""
    cores = sorted(os.sched_getaffinity(0))[:args.threads]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                            preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if result.returncode != 0:
        sys.exit(f"exit code {result.returncode}: {' '.join(map(str, command))}\n{result.stderr}")
    return json.loads(result.stdout)


def eager(args, folder, side, kind, more=()):
    data = folder / ("images.pack" if kind == "pack" else "images.images.json")
    return output(args, [sys.executable, HERE / "eager_images.py", "--weights",
                         folder / "base.safetensors", "--images", data, "--precision",
                         side.split()[1], "--threads", args.threads, *more])


def run(args, folder, side, kind):
    """-> images per second of the clock, of the processors, how many images got the class of their own"""
    if side.startswith("eager"):
        found = eager(args, folder, side, kind, ["--head", folder / "heads.safetensors"])
        right = sum(i == it for i, it in enumerate(found["classes"]))
        return found["images"] / found["seconds"], found["images"] / found["processor_seconds"], right
    found = output(args, [args.isomerge, "evaluate", folder / f"{kind}.json", "--weights",
                          folder / "base.safetensors", "--json", "--quiet", "--threads",
                          args.threads, "--precision", side.split()[1]])["tasks"][1]
    return found["total"] / found["seconds"], found["total"] / found["processor_seconds"], found["correct"]


def measure(args, folder, precision, kind):
    sides = SIDES[precision]
    rates, processor_rates = ({side: [] for side in sides} for _ in range(2))
    answers = {}
    for _ in range(args.repeats):
        for side in sides:
            rate, processor_rate, right = run(args, folder, side, kind)
            rates[side].append(rate)
            processor_rates[side].append(processor_rate)
            answers.setdefault(side, right)
    least = {side: 1.0 if side.endswith("fp32") else AGREE_BF16 for side in sides}
    for side, right in answers.items():
        if right < least[side] * args.images:
            sys.exit(f"{side}, {kind}: {right} of {args.images} images have their class; nothing to time")
    result = {"precision": precision, "images": kind, "threads": args.threads, "answers": answers,
              "rates": rates, "ratios": paired_ratios(rates, sides)}
    if kind == "pack":  # in a DataLoader, other processes decode
        result["processor_rates"] = processor_rates
        result["processor_ratios"] = paired_ratios(processor_rates, sides)
    return result


def paired_ratios(rates, sides):
    """side -> median over the runs of how many times as fast isomerge was"""
    return {side: statistics.median(a / b for a, b in zip(rates[sides[0]], rates[side])) for side in sides[1:]}


def has_amx():
    return "amx_bf16" in machine.field("/proc/cpuinfo", "flags").split()


def line(cell):
    ours = f"isomerge {cell['precision']}"
    medians = {side: statistics.median(found) for side, found in cell["rates"].items()}
    others = "; ".join(f"{side} {medians[side]:.1f}, ratio {ratio:.2f}" for side, ratio in cell["ratios"].items())
    text = f"{cell['images']}, {cell['threads']} threads: {ours} {medians[ours]:.1f} images/s; {others}"
    if "processor_ratios" in cell:
        text += "; by processor time " + ", ".join(f"{ratio:.2f} of {side}" for side, ratio in cell["processor_ratios"].items())
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--isomerge", default=ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kind", nargs="+", choices=("pack", "jpeg"), default=["pack", "jpeg"])
    parser.add_argument("--precision", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--name", default="images", help="of results/bench/<name>.json")
    args = parser.parse_args()
    args.isomerge, args.scratch = args.isomerge.resolve(), args.scratch.resolve()
    folder, load, cells, failed = prepare(args), os.getloadavg()[0], [], []
    for precision in args.precision:
        for kind in args.kind:
            cells.append(measure(args, folder, precision, kind))
            print(line(cells[-1]), flush=True)
            least = LEAST_FP32 if precision == "fp32" else LEAST_BF16 if has_amx() else 0.0
            if not cells[-1]["ratios"]["eager fp32"] >= least:
                failed.append(f"{precision}, {kind}: below {least} of eager fp32")
    amx = "AMX" if has_amx() else "no AMX: nothing is asked of bf16"
    print(f"{machine.hardware()['cpu']}, {amx}; load {load:.1f} before")
    result = {"name": args.name, "date": datetime.datetime.now().astimezone().isoformat("T", "seconds"),
              "hardware": dict(machine.hardware(), amx=has_amx()), "versions": dict(
                  bench.version_texts(args.isomerge), open_clip=eager_images.open_clip.__version__),
              "model": eager_images.MODEL, "images": args.images, "load_before": load, "cells": cells}
    path = ROOT / "results" / "bench" / f"{args.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
