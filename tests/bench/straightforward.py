"""straightforward.py --method iso_c --base B --expert t0=... --out X: the published algorithms as
their formulas read, the yardstick of bench.py.

Base and experts are loaded as a whole, the updates are formed in float32 and every matrix goes
through torch.linalg.svd(full_matrices=False) as often as the formulas say: TSV-M T + 2, Iso-C 1,
Iso-CTS T + 3 times (two of them for polar factors). To be fair it does no needless work: files are
read in one piece, updates replace the experts, updates that are zero (what is left of CLIP's text
side) are skipped. Prints JSON: seconds of load, merge and write, and the peak memory.
"""
import argparse
import json
import math
import pathlib
import resource
import sys
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import container

ALPHA = {"average": 1.0, "task_arithmetic": 0.3, "ties": 1.0, "consensus_ta": 0.3, "tsv_m": 1.0,
         "iso_c": 1.3, "iso_cts": 1.5}


def svd(a):
    return torch.linalg.svd(a, full_matrices=False)


def tsv_m(updates):
    (m, n), tasks = updates[0].shape, len(updates)
    r = min(m, n)
    u_all, s_all, v_all = torch.zeros(m, r), torch.zeros(r), torch.zeros(r, n)
    k = int(r * (1 / tasks))
    for t, update in enumerate(updates):
        u, s, vt = svd(update)
        block = slice(t * k, (t + 1) * k)
        u_all[:, block], s_all[block], v_all[block] = u[:, :k], s[:k], vt[:k]
    return orthogonal(u_all) @ torch.diag(s_all) @ orthogonal(v_all)


def orthogonal(a):
    u, _, vt = svd(a)
    return u @ vt


def iso_c(updates):
    u, s, vt = svd(sum(updates))
    return u @ torch.diag(torch.full_like(s, s.mean())) @ vt


def iso_cts(updates, fraction=0.8):
    total, tasks = sum(updates), len(updates)
    r = min(total.shape)
    block = round((r - int(fraction * r)) / tasks) * tasks
    k, s = r - block, block // tasks
    u, sigma, vt = svd(total)
    lefts, sigmas, rights = [u[:, :k]], [sigma[:k]], [vt[:k]]
    for update in updates:
        ut, st, vtt = svd(update - u[:, :k] @ (u[:, :k].T @ update))
        lefts.append(ut[:, :s])
        sigmas.append(st[:s])
        rights.append(vtt[:s])
    mean = torch.cat(sigmas).sum() / r
    return orthogonal(torch.cat(lefts, 1)) @ (mean * orthogonal(torch.cat(rights)))


def per_tensor(updates, rule, other):
    """updates: one name -> tensor per task. rule: for matrices, other: for everything else."""
    merged = {}
    for name in updates[0]:
        parts = [update[name] for update in updates]
        matrix = parts[0].dim() == 2 and "text_projection" not in name
        if not any(part.any() for part in parts):
            merged[name] = torch.zeros_like(parts[0])
        else:
            merged[name] = rule(parts) if matrix else other(parts)
    return merged


def flat_vectors(updates):
    """[tasks, d], every tensor included."""
    return torch.stack([torch.cat([x.flatten() for x in update.values()]) for update in updates])


def unflatten(vector, like):
    parts = torch.split(vector, [x.numel() for x in like.values()])
    return {name: part.view(x.shape) for part, (name, x) in zip(parts, like.items())}


def ties(updates, keep=0.2):
    vectors = flat_vectors(updates)
    d = vectors.shape[1]
    rank = d - math.floor(keep * d)
    if rank > 0:
        for vector in vectors:
            size = vector.abs()
            vector.mul_(size >= size.kthvalue(rank).values)
    sign = torch.sign(vectors.sum(0))
    sign[sign == 0] = -1.0 if sign.sum() < 0 else 1.0
    total, count = torch.zeros(d), torch.zeros(d)
    for vector in vectors:
        kept = torch.where(sign > 0, vector > 0, vector < 0)
        total += vector * kept
        count += kept
    return unflatten(total / count.clamp(min=1), updates[0])


def consensus_ta(updates, scale=0.4, least=2):
    vectors = flat_vectors(updates)
    total = vectors.sum(0)
    count = torch.zeros(len(total))
    for vector in vectors:
        count += vector.abs() > scale * (total - vector).abs()
    return unflatten(total * (count >= least), updates[0])


def mean(parts):
    return sum(parts) / len(parts)


def merge(method, updates):
    if method in ("ties", "consensus_ta"):
        return {"ties": ties, "consensus_ta": consensus_ta}[method](updates)
    rule = {"average": mean, "task_arithmetic": sum, "tsv_m": tsv_m, "iso_c": iso_c,
            "iso_cts": iso_cts}[method]
    return per_tensor(updates, rule, sum if method == "task_arithmetic" else mean)


def read(path):
    """Name -> float32 tensor."""
    tensors = container.load(path)[0]
    return {name: torch.from_numpy(np.asarray(x)).float() for name, x in tensors.items()}


def kind_of(path):
    """The floating type of a file's tensors."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return next(x["dtype"] for name, x in header.items() if name != "__metadata__")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--method", choices=ALPHA, required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--expert", action="append", required=True, help="TASK=FILE")
    parser.add_argument("--out", required=True)
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    alpha = ALPHA[args.method] if args.alpha is None else args.alpha
    times = [time.perf_counter()]
    base = read(args.base)
    experts = [read(expert.split("=", 1)[1]) for expert in args.expert]
    times.append(time.perf_counter())
    for expert in experts:
        for name, x in expert.items():
            x.sub_(base[name])
    merged = merge(args.method, experts)
    for name, x in base.items():
        x.add_(merged[name], alpha=alpha)
    times.append(time.perf_counter())
    container.save(args.out, {name: x.numpy() for name, x in base.items()}, kind=kind_of(args.base))
    times.append(time.perf_counter())
    seconds = {name: round(times[i + 1] - times[i], 4)
               for i, name in enumerate(("load", "merge", "write"))}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"method": args.method, "seconds": seconds, "peak_rss": peak}))


if __name__ == "__main__":
    main()
