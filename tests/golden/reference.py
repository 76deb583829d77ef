"""Independent float64 reference of isomerge's merge methods: full thin SVDs, no cleverness. Given
float32 updates, the same functions are the plain full-SVD route that accuracy.py compares with.

Sources: Marczak et al., ICML 2025, arXiv 2502.04959, Algorithms 1 and 2 (iso_c, iso_cts); Gargiulo
et al., CVPR 2025 (tsv_m); rank budgets as in the public code of the former. Notation: D_t [m, n] is
the update of task t (expert minus base), r = min(m, n), S = sum_t D_t, T the number of tasks.

Rank deficiency. The singular vectors of a zero singular value are arbitrary, so such a direction
contributes zero instead of whatever a driver returns. tol = sqrt(r) * 2^-23, with the r of the task
matrix, in every precision and for stacks too. A direction is cut if
  - iso_c, and the common part of iso_cts:   sigma_i(S)   <= tol * sigma_1(S)
  - column i of task t in tsv_m:             sigma_i(D_t) <= tol * sigma_1(D_t)
  - column i of task t's residual, iso_cts:  sigma_i(R_t) <= tol * max(sigma_1(D_t), sigma_1(S))
  - polar factor of a stack, singular values q: q_i <= tol * q_1, for each of the two stacks alone.
A cut column is zero in both stacks and stays zero in the polar factor. A cut common column is not
projected out of the updates. The residual is compared with the matrices it was computed from: where
S spans every update it is rounding noise of the size of S's, however small D_t itself is. Means over
singular values take them as computed, cut or not, and divide by r.

Global methods (merge_model) look at all tensors of a model at once: Yadav et al., NeurIPS 2023
(ties), Wang et al., ICML 2024 (consensus_ta and its masks), Yu et al., ICML 2024 (dare_ties). All
three are element-wise: vectors, text_projection and convolutions are treated like any other tensor.
d is the number of entries of all floating tensors, zero updates included; excluded tensors keep the
base and count nowhere.
"""
import fnmatch
import math

import numpy as np
import torch

EPS32 = 2.0**-23
METHODS = ("average", "task_arithmetic", "tsv_m", "iso_c", "iso_cts")
GLOBAL_METHODS = ("ties", "dare_ties", "consensus_ta", "tall_mask")


def svd(a):
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    return u, s, vt.T


def keep(sigma, scale, tol):
    """1.0 where a direction counts, 0.0 where it is cut."""
    return (sigma > tol * scale).to(sigma.dtype)


def polar(stack, tol):
    p, q, z = svd(stack)
    return (p * keep(q, q[0], tol)) @ z.T


def iso_c(updates, fraction=None, beta=1.0, kept_fraction=1.0):
    total = sum(updates)
    r = min(total.shape)
    u, s, v = svd(total)
    flat = s.sum() / r * keep(s, s[0], math.sqrt(r) * EPS32)
    flat[int(kept_fraction * r):] = 0.0
    return (u * ((1.0 - beta) * s + beta * flat)) @ v.T


def tsv_m(updates, fraction=None):
    r = min(updates[0].shape)
    tol, s = math.sqrt(r) * EPS32, r // len(updates)
    if s == 0:
        return torch.zeros_like(updates[0])
    lefts, sigmas, rights = [], [], []
    for update in updates:
        u, sigma, v = svd(update)
        kept = keep(sigma[:s], sigma[0], tol)
        lefts.append(u[:, :s] * kept)
        rights.append(v[:, :s] * kept)
        sigmas.append(sigma[:s])
    left, right = polar(torch.cat(lefts, 1), tol), polar(torch.cat(rights, 1), tol)
    return (left * torch.cat(sigmas)) @ right.T


def budget(r, tasks, fraction):
    """k common directions and s per task: k + s T = r."""
    block = round((r - int(fraction * r)) / tasks) * tasks  # round: half to even
    if block > r:
        block = r // tasks * tasks
    return r - block, block // tasks


def iso_cts(updates, fraction=0.8, isotropic=True):
    total, r = sum(updates), min(updates[0].shape)
    tol, (k, s) = math.sqrt(r) * EPS32, budget(r, len(updates), fraction)
    if s == 0:
        return iso_c(updates, beta=float(isotropic))
    u, sigma, v = svd(total)
    largest = sigma[0]
    kept = keep(sigma[:k], largest, tol)
    common = u[:, :k] * kept
    lefts, rights, values = [common], [v[:, :k] * kept], [sigma[:k]]
    for update in updates:
        scale = max(largest, torch.linalg.matrix_norm(update, 2))
        u, sigma, v = svd(update - common @ (common.T @ update))
        kept = keep(sigma[:s], scale, tol)
        lefts.append(u[:, :s] * kept)
        rights.append(v[:, :s] * kept)
        values.append(sigma[:s])
    values = torch.cat(values)
    if isotropic:
        values = (values.sum() / r).expand(r)
    return (polar(torch.cat(lefts, 1), tol) * values) @ polar(torch.cat(rights, 1), tol).T


MATRIX_RULES = {"tsv_m": tsv_m, "iso_c": iso_c, "iso_cts": iso_cts}


def matches(name, globs):
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def merged_update(method, name, updates, fraction=0.8, exclude=(), average=(), **options):
    """Merged update of one tensor from the float64 updates of all tasks. options: ablations."""
    if matches(name, exclude):
        return torch.zeros_like(updates[0])
    if method == "task_arithmetic":
        return sum(updates)
    matrix = updates[0].dim() == 2 and "text_projection" not in name and not matches(name, average)
    if method == "average" or not matrix:
        return sum(updates) / len(updates)
    if updates[0].numel() == 0:
        return torch.zeros_like(updates[0])
    return MATRIX_RULES[method](updates, fraction, **options)


def trim(flat, keep):
    """Zeroes all but the floor(keep d) + 1 largest of |flat|, and what ties with the smallest of
    them. keep = 1: nothing is trimmed; keep = 0: the largest stays."""
    rank = flat.numel() - math.floor(keep * flat.numel())
    if rank == 0 or flat.numel() == 0:
        return flat
    threshold = torch.kthvalue(flat.abs(), rank).values
    return torch.where(flat.abs() >= threshold, flat, 0.0)


def trim_model(update, keep, scope):
    """update: name -> tensor. scope: one threshold for the whole model or one for every tensor."""
    if scope == "tensor":
        return {name: trim(x.flatten(), keep).view(x.shape) for name, x in update.items()}
    flat = trim(torch.cat([x.flatten() for x in update.values()]), keep)
    parts = torch.split(flat, [x.numel() for x in update.values()])
    return {name: part.view(x.shape) for part, (name, x) in zip(parts, update.items())}


def ties(updates, keep=0.2, trim="global", merge="mean"):
    """updates: one name -> tensor for every task."""
    if trim not in ("global", "tensor") or merge not in ("mean", "sum"):
        raise ValueError(f"trim {trim}, merge {merge}")
    trimmed = [trim_model(update, keep, trim) for update in updates]
    elected = {name: torch.sign(sum(x[name] for x in trimmed)) for name in updates[0]}
    balance = {name: sign.sum() for name, sign in elected.items()}
    merged = {}
    for name, sign in elected.items():
        votes = balance[name] if trim == "tensor" else sum(balance.values())
        sign = torch.where(sign == 0, -1.0 if votes < 0 else 1.0, sign)
        agrees = [torch.sign(x[name]) == sign for x in trimmed]
        total = sum(torch.where(a, x[name], 0.0) for a, x in zip(agrees, trimmed))
        count = sum(a.to(total.dtype) for a in agrees).clamp(min=1.0)
        merged[name] = total / count if merge == "mean" else total
    return merged


def tall_masks(updates, scales):
    """1.0 where |D_t| > lambda_t |S - D_t|, for every task; and S. One tensor."""
    total = sum(updates)
    masks = [(u.abs() > scale * (total - u).abs()).to(total.dtype)
             for u, scale in zip(updates, scales)]
    return masks, total


def per_task(scale, tasks):
    scales = list(scale) if isinstance(scale, (list, tuple)) else [scale] * tasks
    if len(scales) != tasks:
        raise ValueError(f"{len(scales)} lambdas for {tasks} tasks")
    return scales


def consensus_ta(updates, scale=0.4, min_tasks=2):
    """scale: lambda, one number or one per task."""
    merged = {}
    for name in updates[0]:
        masks, total = tall_masks([u[name] for u in updates], per_task(scale, len(updates)))
        merged[name] = torch.where(sum(masks) >= min_tasks, total, 0.0)
    return merged


def tall_mask(updates, task, scale=0.4):
    """The single-task model of the task with this number is the base plus what this returns."""
    merged = {}
    for name in updates[0]:
        masks, total = tall_masks([u[name] for u in updates], per_task(scale, len(updates)))
        merged[name] = masks[task] * total
    return merged


def fnv1a(data):
    """64-bit FNV-1a of bytes."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def uniform(key, count):
    """Entries 0 .. count - 1 of the random stream of a key, float64 in [0, 1): splitmix64."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(fnv1a(key.encode()))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return torch.from_numpy((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def dare(update, task, drop, seed):
    """Keeps every entry with probability 1 - drop and divides it by that."""
    thinned = {}
    for name, x in update.items():
        kept = uniform(f"{seed}/{name}/{task}", x.numel()).view(x.shape) >= drop
        thinned[name] = torch.where(kept, x / (1 - drop), 0.0)
    return thinned


def dare_ties(updates, tasks, drop=0.2, seed=0, keep=1.0):
    """tasks: their names, part of the key of the random numbers."""
    thinned = [dare(u, task, drop, seed) for u, task in zip(updates, tasks)]
    return ties(thinned, keep)


def global_rule(method, updates, tasks, options):
    options = dict(options)
    if "lambda" in options:
        options["scale"] = options.pop("lambda")
    if method == "dare_ties":
        return dare_ties(updates, tasks or [f"task{t}" for t in range(len(updates))], **options)
    return {"ties": ties, "consensus_ta": consensus_ta, "tall_mask": tall_mask}[method](updates,
                                                                                        **options)


def merge_model(method, base, experts, options=None, tasks=None):
    """Merged updates, name -> float64 tensor, of all floating tensors of the base.

    base: name -> tensor; experts: a list of those, float64 where floating. options: those of the
    method, and for every method exclude and average (globs). tasks: names, needed by dare_ties.
    """
    options = dict(options or {})
    exclude, average = options.pop("exclude", ()), options.pop("average", ())
    names = [name for name, x in base.items() if x.is_floating_point()]
    if method not in GLOBAL_METHODS:
        fraction = options.pop("common_fraction", 0.8)
        return {n: merged_update(method, n, [e[n] - base[n] for e in experts], fraction, exclude,
                                 average) for n in names}
    counted = [name for name in names if not matches(name, exclude)]
    updates = [{name: expert[name] - base[name] for name in counted} for expert in experts]
    merged = global_rule(method, updates, tasks, options) if counted else {}
    return {name: merged.get(name, torch.zeros_like(base[name])) for name in names}
