"""analysis.py: reference values of `isomerge analyze` for the mini suite, in float64 from full SVDs.

Sources: Marczak et al., arXiv 2502.04959, Eq. 5 and 6 (SAR and its rank), Fig. 2 (cosine), Fig. 4
(interpolation), and the rank rule of the public script. Writes analysis.json, in a minute:

    .venv/bin/python tests/golden/analysis.py

Everything is the formula as it reads: P D with the projector P = U_k U_k^T as a matrix, whole
updates as one vector. `sum` is the sum of all updates; `iso_c` its Iso-C merged update; `halfway`
has the spectrum of beta = 0.5 between the two. Where a rank lies between equal singular values
(iso_c by the rule of the code) only the rank is kept: the directions there are arbitrary.
"""
import json
import os
import pathlib

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by numpy; on small matrices threads only wait
import numpy as np

import container

HERE = pathlib.Path(__file__).resolve().parent
SUITE = HERE.parents[1] / "models" / "mini" / "vit"
TASKS = ["digits", "fashion", "icons", "flags"]
EPSILON, SHARE, BETA = 0.05, 0.25, 0.5
RULES = ("paper", "code", "code_off_by_one", "share")
MODULES = ("attn.in_proj_weight", "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


def load(path):
    return {name: x.astype(np.float64) for name, x in container.load(path)[0].items()}


def svd(a):
    return np.linalg.svd(a, full_matrices=False)


def rank(rule, s):
    """Loops over every k, as the definitions are worded."""
    whole = np.sqrt(np.sum(s**2))
    for k in range(len(s) + 1):
        if rule == "paper" and np.sqrt(np.sum(s[k:]**2)) <= EPSILON * whole:
            return k
        if rule.startswith("code") and np.sqrt(np.sum(s[:k]**2)) / whole > 1 - EPSILON:
            return k - 1 if rule == "code_off_by_one" else k
    return round(SHARE * len(s))


def sar(d, merged, k, side):
    u, _, vt = svd(merged)
    left, right = u[:, :k] @ u[:, :k].T, vt[:k].T @ vt[:k]
    part = {"left": lambda: left @ d, "right": lambda: d @ right,
            "both": lambda: left @ d @ right}[side]()
    return np.linalg.norm(part) / np.linalg.norm(d)


def interpolated(d, beta):
    u, s, vt = svd(d)
    return (u * ((1 - beta) * s + beta * s.mean())) @ vt


def tables(names, updates, merged, rules, sides=("left",)):
    """SAR of each task: by rule and side the mean over all matrices."""
    return {f"{rule} {side}": [
        np.mean([sar(update[n], merged[n], rank(rule, np.linalg.svd(merged[n])[1]), side)
                 for n in names]) for update in updates]
        for rule in rules for side in sides}


def pairs(names, updates, merged, rule, side):
    ks = {n: rank(rule, np.linalg.svd(merged[n])[1]) for n in names}
    return [[np.mean([sar(a[n], b[n], ks[n], side) for n in names]) for b in updates]
            for a in updates]


def cosines(vectors):
    return [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in vectors] for a in vectors]


def ranks(names, matrices):
    return {rule: [rank(rule, np.linalg.svd(matrices[n])[1]) for n in names] for rule in RULES}


def rounded(x):
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [rounded(value) for value in x]
    return float(f"{x:.12g}") if isinstance(x, float) else x


def main():
    base = load(SUITE / "base.safetensors")
    experts = [load(SUITE / "experts" / f"{task}.safetensors") for task in TASKS]
    updates = [{n: e[n] - base[n] for n in base} for e in experts]
    names = sorted(n for n, x in base.items() if x.ndim == 2)
    total = {n: sum(update[n] for update in updates) for n in base}
    smallest = min(np.linalg.svd(x[n])[1][-1] / np.linalg.svd(x[n])[1][0]
                   for x in (*updates, total) for n in names)
    assert smallest > 2 * 128**0.5 * 2**-23, f"a direction nearly counts as zero: {smallest}"
    iso_c = {n: interpolated(total[n], 1.0) for n in names}
    halfway = {n: interpolated(total[n], BETA) for n in names}
    first = [n for n in names if ".resblocks.1." in n]
    kept = {
        "tasks": TASKS, "matrices": names,
        "ranks": {"sum": ranks(names, total), "iso_c": ranks(names, iso_c),
                  "halfway": ranks(names, halfway),
                  **{task: ranks(names, update) for task, update in zip(TASKS, updates)}},
        "sar": {"sum": tables(names, updates, total, RULES, ("left", "right", "both")),
                "iso_c": tables(names, updates, iso_c, ("paper",)),
                "halfway": tables(names, updates, halfway, RULES, ("left", "right"))},
        "sar_of_layer_1": tables(first, updates, total, ("paper",)),
        "sar_of_modules": {module: tables([n for n in names if n.endswith(module)], updates, total,
                                          ("code",)) for module in MODULES},
        "pairs": {"paper left": pairs(names, updates, total, "paper", "left"),
                  "code right": pairs(names, updates, total, "code", "right"),
                  "share both": pairs(names, updates, total, "share", "both")},
        "cosines": cosines([np.concatenate([x[n].ravel() for n in sorted(base)])
                            for x in (*updates, total)]),
        "norms": [np.sqrt(sum(np.sum(x[n]**2) for n in base)) for x in (*updates, total)],
        "values": {n: np.linalg.svd(total[n])[1][[0, 1, -2, -1]] for n in names},
        "energy_of_share": [np.mean([np.sum(s[:round(SHARE * len(s))]**2) / np.sum(s**2)
                                     for s in (np.linalg.svd(update[n])[1] for n in names)])
                            for update in updates]}
    (HERE / "analysis.json").write_text(json.dumps(rounded(kept), indent=1) + "\n")


if __name__ == "__main__":
    main()
