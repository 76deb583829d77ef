"""lora_dense.py: merging LoRA experts in the space of their factors (isomerge) against the dense route
in Python, as the formulas read: every update B A formed, one float64 SVD where a formula has one.

Base and eight PEFT adapters of rank 16 with the shapes of a ViT-L/14 under HuggingFace's names: q, k,
v and out of 24 blocks, 96 matrices of 1024 x 1024. The dense route takes the matrices of --blocks
blocks, and its time is scaled up to all 24; isomerge merges those (the results are compared first, in
its float64 mode) and all (timed, whole processes, in its default mode). Prints both times and their
ratio for each method; exit code 1 if a ratio is below --least.

Directions with singular values up to sqrt(r) eps(float32) sigma_1 are left out on both sides: a sum
of eight updates of rank 16 has 128 of them, the others are rounding noise.
"""
import argparse
import json
import os
import pathlib
import sys
import time

import bench
import numpy as np
import straightforward
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import container
import formula

TASKS, RANK, WIDTH, BLOCKS = 8, 16, 1024, 24
KEEP, CUT, FRACTION = 0.2, 1e-5, 0.8
TOLERANCE = 1e-10  # of a merged update in the float64 mode, relative


def modules(blocks):
    return [f"vision_model.encoder.layers.{block}.self_attn.{part}_proj"
            for block in range(blocks) for part in ("q", "k", "v", "out")]


def factors(task, module):
    """B [m, R] and A [R, n] that share some of their directions with other tasks'; an update has
    some hundredth of the norm of its weights."""
    random = np.random.default_rng([task, formula.fnv1a(module)])
    common = np.random.default_rng(formula.fnv1a(module))
    scale = (1.0 + np.arange(RANK) / 3.0)**-1.0
    b = random.standard_normal((WIDTH, RANK)) + 0.7 * common.standard_normal((WIDTH, RANK))
    a = random.standard_normal((RANK, WIDTH))
    return (0.01 * scale * b).astype(np.float32), (0.01 * a).astype(np.float32)


def prepare(folder, blocks):
    """Base and adapters; made whole or not at all."""
    if (folder / "base.safetensors").exists():
        return
    for task in range(TASKS):
        adapter, tensors = folder / f"adapter_{task}", {}
        adapter.mkdir(parents=True, exist_ok=True)
        for module in modules(blocks):
            b, a = factors(task, module)
            tensors[f"base_model.model.{module}.lora_A.weight"] = a
            tensors[f"base_model.model.{module}.lora_B.weight"] = b
        container.save(adapter / "adapter_model.safetensors", tensors)
        (adapter / "adapter_config.json").write_text(json.dumps(
            {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "bias": "none",
             "target_modules": ["q_proj", "k_proj", "v_proj", "out_proj"]}))
    random = np.random.default_rng(1)
    base = {f"{module}.weight": 0.02 * random.standard_normal((WIDTH, WIDTH), dtype=np.float32)
            for module in modules(blocks)}
    container.save(folder / "new.safetensors", base)
    os.replace(folder / "new.safetensors", folder / "base.safetensors")


def svd(a, sigma=None):
    """Thin, without the triplets that count as zero beside `sigma`, by default the largest value."""
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    threshold = min(a.shape)**0.5 * 2.0**-23 * max(float(s[0]), sigma or 0.0)
    kept = int((s > threshold).sum())
    return u[:, :kept], s[:kept], vt[:kept]


def orthogonal(a):
    u, _, vt = svd(a)
    return u @ vt


def iso_c(updates):
    u, s, vt = svd(sum(updates))
    return s.sum() / WIDTH * (u @ vt)


def iso_cts(updates, by_rank=False):
    """r: the smaller side, or the rank of the sum."""
    u, sigma, vt = svd(sum(updates))
    r = len(sigma) if by_rank else WIDTH
    block = round((r - int(FRACTION * r)) / TASKS) * TASKS
    k, s = r - block, block // TASKS
    lefts, sigmas, rights = [u[:, :k]], [sigma[:k]], [vt[:k]]
    for update in updates:
        strongest = max(float(update.norm()), float(sigma[0]))  # a residual may be rounding noise alone
        ut, st, vtt = svd(update - u[:, :k] @ (u[:, :k].T @ update), strongest)
        lefts.append(ut[:, :s])
        sigmas.append(st[:s])
        rights.append(vtt[:s])
    return torch.cat(sigmas).sum() / r * (orthogonal(torch.cat(lefts, 1)) @ orthogonal(torch.cat(rights)))


def tsv_m(updates):
    parts, s = [svd(update) for update in updates], WIDTH // TASKS
    u = torch.cat([u[:, :s] for u, _, _ in parts], 1)
    sigma = torch.cat([sigma[:s] for _, sigma, _ in parts])
    vt = torch.cat([vt[:s] for _, _, vt in parts])
    return orthogonal(u) * sigma @ orthogonal(vt)


def knots_ties(matrices):
    """All matrices together: TIES trims and elects over all their coordinates."""
    bases, tasks = {}, [{} for _ in range(TASKS)]
    for name, updates in matrices.items():
        u, s, vt = torch.linalg.svd(torch.cat(updates, 1), full_matrices=False)
        kept = int((s > CUT).sum())
        bases[name] = u[:, :kept]
        for task, block in zip(tasks, (s[:kept, None] * vt[:kept]).split(WIDTH, 1)):
            task[name] = block.contiguous()
    merged = straightforward.ties(tasks, KEEP)
    return {name: bases[name] @ merged[name] for name in matrices}


def each(rule):
    return lambda matrices: {name: rule(updates) for name, updates in matrices.items()}


METHODS = {  # title: (method, its options, the dense route)
    "Iso-C": ("iso_c", [], each(iso_c)),
    "Iso-CTS, r = 1024": ("iso_cts", [], each(iso_cts)),
    "Iso-CTS, r = 128": ("iso_cts", ["--option", "r=sum"], each(lambda updates: iso_cts(updates, by_rank=True))),
    "TSV-M": ("tsv_m", [], each(tsv_m)),
    "KnOTS-TIES": ("knots_ties", [], knots_ties),
}


def merge(args, folder, method, options):
    """Seconds of one process that writes the merged update."""
    command = [args.isomerge, "merge", "--quiet", "--method", method, *options, "--alpha", "1", "--update-only",
               "--threads", args.threads, "--base", folder / "base.safetensors", "--out", folder / "merged.safetensors"]
    for task in range(TASKS):
        command += ["--expert", f"t{task}={folder / f'adapter_{task}'}"]
    return bench.run(command)[0]


def compare(got, want):
    """The largest relative difference of a matrix."""
    worst = 0.0
    for name, matrix in want.items():
        error = float(np.linalg.norm(got[name] - matrix.numpy()) / np.linalg.norm(matrix))
        if not error <= TOLERANCE:
            sys.exit(f"{name}: the two merged updates differ by {error:.1e}; nothing to time")
        worst = max(worst, error)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--method", action="append", choices=METHODS, help="default: all")
    parser.add_argument("--blocks", type=int, default=1, help="that the dense route takes")
    parser.add_argument("--least", type=float, default=20.0)
    parser.add_argument("--isomerge", default=bench.ROOT / "build/isomerge", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=bench.ROOT / "build/bench")
    args = parser.parse_args()
    args.isomerge, scratch = args.isomerge.resolve(), args.scratch.resolve()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(args.threads)
    few, all_of_them = scratch / f"lora-{args.blocks}", scratch / f"lora-{BLOCKS}"
    prepare(few, args.blocks)
    prepare(all_of_them, BLOCKS)
    pairs = {f"{module}.weight": [factors(task, module) for task in range(TASKS)] for module in modules(args.blocks)}
    print(f"{len(modules(BLOCKS))} matrices of {WIDTH} x {WIDTH}, {TASKS} adapters of rank {RANK}, {args.threads} threads; "
          f"the dense route on {len(pairs)} of them, its time times {BLOCKS / args.blocks:g}\n"
          f"| method | dense, s | isomerge, s | ratio | largest difference |\n|---|---|---|---|---|", flush=True)
    lowest = float("inf")
    for title in args.method or METHODS:
        method, options, dense = METHODS[title]
        start = time.perf_counter()
        updates = {name: [torch.from_numpy(b.astype(np.float64) @ a) for b, a in pair] for name, pair in pairs.items()}
        want = dense(updates)
        seconds = (time.perf_counter() - start) * BLOCKS / args.blocks
        del updates
        merge(args, few, method, [*options, "--precision", "fp64"])
        worst = compare(container.load(few / "merged.safetensors")[0], want)
        ours = min(merge(args, all_of_them, method, options) for _ in range(2))
        lowest = min(lowest, seconds / ours)
        print(f"| {title} | {seconds:.0f} | {ours:.2f} | {seconds / ours:.1f} | {worst:.1e} |", flush=True)
    sys.exit(int(lowest < args.least))


if __name__ == "__main__":
    main()
