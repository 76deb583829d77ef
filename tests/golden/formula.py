"""Weights from a formula: what tests/support/formula.cpp computes too, bit for bit.

Every number is a hash of (tensor name, stream, task, index). Matrices get a structured spectrum so
that no method cuts through a tie: in a hidden basis, common to all tasks, the first k directions
are strong in every task (k as Iso-CTS chooses it) and each task has s directions of its own.
Rotations are butterflies of plane rotations whose sine and cosine are rational functions of a hashed
number, so no sum has an order and no library function is called: Python and C++ round alike.
Updates are rounded to multiples of 2^-24 and so are the bases: float32 holds the experts exactly.
"""
import json
import math
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent
BASE, LEFT, RIGHT, SPECTRUM, COMMON, NEAR_LEFT, NEAR_RIGHT, FAR_LEFT, FAR_RIGHT, PROBE, SAMPLE = range(11)
SHARED = 0  # the "task" of what all tasks share; task t is t + 1


def mix(z):
    """The finaliser of splitmix64 (Steele et al. 2014), on uint64 arrays."""
    with np.errstate(over="ignore"):
        z = z + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def hashes(name, stream, task, count):
    with np.errstate(over="ignore"):
        key = mix(mix(np.uint64(fnv1a(name)) + np.uint64(stream)) + np.uint64(task))
        return mix(key + np.arange(count, dtype=np.uint64))


def uniform(name, stream, task, count):
    """float64 in [-1, 1)."""
    return (hashes(name, stream, task, count) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def on_grid(x, bits=24):
    return np.rint(x * 2.0**bits) * 2.0**-bits


def rotate(x, widest, name, stream, task):
    """In place: rows of x times an orthogonal matrix. widest = largest tan(angle / 2)."""
    n, stage, stride = x.shape[0], 0, 1
    rows = np.arange(n)
    while stride < n:
        low = rows[((rows & stride) == 0) & (rows + stride < n)]
        t = widest * uniform(name, stream, task, n * (stage + 1))[n * stage + low]
        c = ((1.0 - t * t) / (1.0 + t * t))[:, None]
        s = ((2.0 * t) / (1.0 + t * t))[:, None]
        a, b = x[low], x[low + stride]
        x[low] = c * a - s * b
        x[low + stride] = s * a + c * b
        stage, stride = stage + 1, stride * 2


def budget(r, tasks, fraction):
    """(k, s) of Iso-CTS; repeated in reference.py, which does not depend on this file."""
    block = round((r - int(fraction * r)) / tasks) * tasks
    block = min(block, r // tasks * tasks)
    return r - block, block // tasks


def spectrum(name, task, r, tasks, fraction, apart):
    """Diagonal of the core. apart: a task's own directions are among its r/T strongest."""
    k, s = budget(r, tasks, fraction)
    w = (uniform(name, SPECTRUM, task + 1, r) + 1.0) * 0.5
    d = np.where(np.arange(r) < k, 0.8 + 0.2 * w, 0.05 + 0.1 * w)
    strong = 1 if r < tasks else r // tasks - (s if apart else 0)
    for i in range(strong if k > 0 else 0):
        j = (task * strong + i) % k
        d[j] = 1.6 + 0.8 * w[j]
    for j in range(k + task * s, k + (task + 1) * s):
        d[j] = 1.15 + 0.15 * w[j] if apart else 0.5 + 0.1 * w[j]
    return d


def structured(name, shape, task, tasks, fraction, apart):
    m, n = shape
    r = min(m, n)
    k, _ = budget(r, tasks, fraction)
    core = np.diag(spectrum(name, task, r, tasks, fraction, apart))
    rotate(core[:k], 0.3, name, COMMON, task + 1)
    rotate(core.T[:k], 0.3, name, COMMON, task + 1)
    x = np.zeros((m, n))
    x[:r, :r] = core
    rotate(x, 0.05, name, NEAR_LEFT, task + 1)
    rotate(x, 1.0, name, FAR_LEFT, SHARED)
    rotate(x.T, 0.05, name, NEAR_RIGHT, task + 1)
    rotate(x.T, 1.0, name, FAR_RIGHT, SHARED)
    return x * 0.25


def low_rank(name, shape, task, rank):
    """Exactly of that rank: products of integers in -8..8."""
    a = np.trunc(9.0 * uniform(name, LEFT, task + 1, shape[0] * rank)).reshape(shape[0], rank)
    b = np.trunc(9.0 * uniform(name, RIGHT, task + 1, shape[1] * rank)).reshape(rank, shape[1])
    return (a[:, :, None] * b[None]).sum(axis=1) * 2.0**-12


def update(case, tensor, task):
    """float64, before the expert is rounded to float32."""
    name, kind, shape = tensor["name"], tensor["kind"], tensor["shape"]
    tasks, fraction = case["tasks"], case["fraction"]
    if kind == "zero" or (kind == "hole" and task == 1):
        return np.zeros(shape)
    if kind == "uniform":
        return on_grid(0.02 * uniform(name, LEFT, task + 1, math.prod(shape))).reshape(shape)
    if kind.startswith("rank"):
        return low_rank(name, shape, task, int(kind[4:]))
    apart = kind in ("structured", "rounded")
    x = structured(name, shape, 0 if kind == "same" else task, tasks, fraction, apart)
    if kind == "scales":
        x *= 4.0 ** -(task % 4)
    return on_grid(x, 30 if kind == "rounded" else 24)


def base(tensor):
    """float32 in (-0.5, 0.5); kind "rounded" fills all bits of float32."""
    x = 0.5 * uniform(tensor["name"], BASE, SHARED, math.prod(tensor["shape"]))
    if tensor["kind"] != "rounded":
        x = on_grid(x)
    return x.astype(np.float32).reshape(tensor["shape"])


def expert(case, tensor, task):
    exact = base(tensor).astype(np.float64) + update(case, tensor, task)
    return np.asarray(exact).astype(np.float32)  # NumPy makes sums of scalars no arrays


def checksum(arrays):
    """16 hex digits over float32 arrays: sum of the hashes of (bits, position)."""
    total, offset = 0, 0
    for x in arrays:
        bits = np.ascontiguousarray(x).reshape(-1).view(np.uint32).astype(np.uint64)
        place = (np.arange(bits.size, dtype=np.uint64) + np.uint64(offset)) << np.uint64(32)
        total = (total + int(mix(bits ^ place).sum(dtype=np.uint64))) % 2**64
        offset += bits.size
    return f"{total:016x}"


def sketch(name, matrix, probes, samples):
    """What is stored of a large tensor, seen as a matrix [m, n] (n = all dimensions but the first):
    its norm [1], R G / sqrt(p) [m, p] with a +-1 matrix G, and some of its entries."""
    flat = np.ascontiguousarray(matrix, dtype=np.float64).reshape(matrix.shape[0], -1)
    sign = np.where(uniform(name, PROBE, SHARED, flat.shape[1] * probes) < 0, -1.0, 1.0)
    place = (hashes(name, SAMPLE, SHARED, samples) % np.uint64(flat.size)).astype(np.int64)
    return {"norm": np.array([np.linalg.norm(flat)]),
            "probe": flat @ sign.reshape(-1, probes) / math.sqrt(probes),
            "sample": flat.reshape(-1)[place]}


def cases():
    """Name -> case. "vit_b32" has all twelve blocks; nothing of it is committed."""
    found = {}
    for case in json.loads((FOLDER / "cases.json").read_text()):
        case["tensors"] = [{"name": t[0], "kind": t[1], "shape": t[2:]} for t in case["tensors"]]
        found[case["name"]] = case
    block = found["vit_b32_block"]
    tensors = []
    for t in block["tensors"]:
        copies = range(12) if ".resblocks.0." in t["name"] else [0]
        tensors += [dict(t, name=t["name"].replace(".resblocks.0.", f".resblocks.{i}.")) for i in copies]
    found["vit_b32"] = dict(block, name="vit_b32", tensors=tensors)
    return found
