"""Independent float64 reference of isomerge's merge methods: full thin SVDs, no cleverness.

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
"""
import fnmatch
import math

import torch

EPS32 = 2.0**-23
METHODS = ("average", "task_arithmetic", "tsv_m", "iso_c", "iso_cts")


def svd(a):
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    return u, s, vt.T


def keep(sigma, scale, tol):
    """1.0 where a direction counts, 0.0 where it is cut."""
    return (sigma > tol * scale).to(torch.float64)


def polar(stack, tol):
    p, q, z = svd(stack)
    return (p * keep(q, q[0], tol)) @ z.T


def iso_c(updates, fraction=None):
    total = sum(updates)
    r = min(total.shape)
    u, s, v = svd(total)
    return s.sum() / r * ((u * keep(s, s[0], math.sqrt(r) * EPS32)) @ v.T)


def tsv_m(updates, fraction=None):
    r = min(updates[0].shape)
    tol, s = math.sqrt(r) * EPS32, r // len(updates)
    if s == 0:
        return torch.zeros_like(updates[0])
    lefts, sigmas, rights = [], [], []
    for update in updates:
        u, sigma, v = svd(update)
        kept = keep(sigma, sigma[0], tol)[:s]
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


def iso_cts(updates, fraction=0.8):
    total, r = sum(updates), min(updates[0].shape)
    tol, (k, s) = math.sqrt(r) * EPS32, budget(r, len(updates), fraction)
    if s == 0:
        return iso_c(updates)
    u, sigma, v = svd(total)
    largest = sigma[0]
    kept = keep(sigma, largest, tol)[:k]
    common = u[:, :k] * kept
    lefts, rights, mass = [common], [v[:, :k] * kept], sigma[:k].sum()
    for update in updates:
        scale = max(largest, torch.linalg.matrix_norm(update, 2))
        u, sigma, v = svd(update - common @ (common.T @ update))
        kept = keep(sigma, scale, tol)[:s]
        lefts.append(u[:, :s] * kept)
        rights.append(v[:, :s] * kept)
        mass = mass + sigma[:s].sum()
    return mass / r * (polar(torch.cat(lefts, 1), tol) @ polar(torch.cat(rights, 1), tol).T)


MATRIX_RULES = {"tsv_m": tsv_m, "iso_c": iso_c, "iso_cts": iso_cts}


def matches(name, globs):
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def merged_update(method, name, updates, fraction=0.8, exclude=(), average=()):
    """Merged update of one tensor from the float64 updates of all tasks."""
    if matches(name, exclude):
        return torch.zeros_like(updates[0])
    if method == "task_arithmetic":
        return sum(updates)
    matrix = updates[0].dim() == 2 and "text_projection" not in name and not matches(name, average)
    if method == "average" or not matrix:
        return sum(updates) / len(updates)
    if updates[0].numel() == 0:
        return torch.zeros_like(updates[0])
    return MATRIX_RULES[method](updates, fraction)
