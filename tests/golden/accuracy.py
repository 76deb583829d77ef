"""accuracy.py: every merged update of isomerge against the float64 reference, at true shapes.

Parts: CLIP shapes with names like b32-T8 (models b32, b16, b32hf, b16hf; T = 1, 2, 8, 14, 20), and
special suites of small tensors (--list). Experts are those of tests/bench/make_experts.py, with the
spectra of trained ones, on a grid where float32 adds exactly; files only, --update-only. Matrix
methods leave out all but one matrix of each distinct shape (b16 and the HuggingFace names hold much
the same weights as b32: there only what is new).

Columns: relative Frobenius error, each the worst of all tensors of the part (a tensor that fails
gets a line of its own), of
  fp32      isomerge
  full SVD  the reference's own formulas in float32, one thin SVD each: the straightforward route
  fp64      isomerge --precision fp64
Bars, for every tensor: fp32 <= 1e-4 and not above the full SVD's error by more than 5e-7; fp64
<= 1e-10.
Where a singular value lies within a factor 4 of the tolerance of the rank rule, float32 may cut a
direction that float64 keeps: such tensors ("near a cut") have to pass in fp64 only.
Suites "equal" tie every singular value, so that leading directions are anybody's choice: compared
is how far the result is from what any choice gives, a multiple of an isometry on a subspace.
"""
import argparse
import collections
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "bench"))
import compare
import container
import formula
import make_experts
import reference

BARS, FLOOR, NEAR = {"fp32": 1e-4, "fp64": 1e-10}, 5e-7, 4.0
METHODS = ("average", "task_arithmetic", "ties", "dare_ties", "consensus_ta", "tsv_m", "iso_c",
           "iso_cts")
OPTIONS = {"dare_ties": {"drop": 0.5}}  # 1 / (1 - 0.5) is exact, as everything element-wise is here
MODELS = {  # model -> shape, names, matrices for the matrix methods
    "b32": ("vit_b32", "openclip", ("*visual.positional_embedding", "*visual.proj", "*blocks.0.*")),
    "b16": ("vit_b16", "openclip", ("*visual.positional_embedding", "*.1.attn.out_proj.weight")),
    "b32hf": ("vit_b32", "hf", ("*position_embedding.weight", "*.1.self_attn.q_proj.weight")),
    "b16hf": ("vit_b16", "hf", ("*position_embedding.weight", "*.1.self_attn.v_proj.weight"))}
TASKS, BLOCKS = (1, 2, 8, 14, 20), 2
SMALL = {"square.weight": (96, 96), "tall.weight": (192, 64), "wide.weight": (64, 192),
         "text_projection": (32, 48), "attn.bias": (96,), "conv.weight": (8, 3, 4, 4)}
FEW = {"wide.weight": (5, 64), "tall.weight": (64, 5), "square.weight": (12, 12),
       "row.weight": (1, 40), "column.weight": (40, 1), "one.weight": (1, 1), "attn.bias": (12,)}
LONG = {"wide.weight": (16, 8192), "tall.weight": (8192, 16), "row.weight": (1, 5000),
        "attn.bias": (5000,)}


def trained(shapes, tasks, change=lambda name, t, update: update):
    """(base, experts): name -> float32 array. change: of an update, before it is added."""
    base = {name: make_experts.base(name, shape) for name, shape in shapes.items()}
    updates = {name: make_experts.Updates(name, shape) for name, shape in shapes.items()}
    experts = [{name: base[name] + change(name, t, updates[name].task(t)) for name in shapes}
               for t in range(tasks)]
    return base, experts


def with_holes(name, t, update):
    frozen = name == "tall.weight" or t in (1, 4) or (name == "wide.weight" and t != 2)
    return np.zeros_like(update) if frozen else update


def grid_base(shapes):
    return {name: formula.base({"name": name, "kind": "", "shape": shape})
            for name, shape in shapes.items()}


def low_rank(tasks):
    ranks = {"one.weight": (96, 96, 1), "three.weight": (128, 64, 3), "dozen.weight": (64, 128, 12)}
    base = grid_base({name: x[:2] for name, x in ranks.items()})
    experts = [{name: base[name] + formula.low_rank(name, x[:2], t, x[2]).astype(np.float32)
                for name, x in ranks.items()} for t in range(tasks)]
    return base, experts


def hadamard(n):
    return np.ones((1, 1)) if n == 1 else np.kron([[1, 1], [1, -1]], hadamard(n // 2))


def equal(tasks):
    """All tasks the same multiple of a matrix with one singular value."""
    h = (hadamard(64) * 2.0**-9).astype(np.float32)
    updates = {"square.weight": h, "tall.weight": np.vstack([h, h]),
               "wide.weight": np.hstack([h, h])}
    base = grid_base({name: x.shape for name, x in updates.items()})
    return base, [{name: base[name] + x for name, x in updates.items()} for _ in range(tasks)]


SUITES = {  # name -> (stored type, tasks -> (base, experts))
    "zero-T8": ("F32", lambda: trained(SMALL, 8, with_holes)),
    "rank-T8": ("F32", lambda: low_rank(8)),
    "same-T8": ("F32", lambda: (lambda base, experts: (base, experts * 8))(*trained(SMALL, 1))),
    "few-T8": ("F32", lambda: trained(FEW, 8)),
    "few-T20": ("F32", lambda: trained(FEW, 20)),
    "long-T8": ("F32", lambda: trained(LONG, 8)),
    "scales-T8": ("F32", lambda: trained(SMALL, 8, lambda name, t, x: x * np.float32(4.0**-t))),
    "fp16-T8": ("F16", lambda: trained(SMALL, 8)),
    "bf16-T8": ("BF16", lambda: trained(SMALL, 8)),
    "equal-T1": ("F32", lambda: equal(1)),
    "equal-T4": ("F32", lambda: equal(4))}
PARTS = [f"{model}-T{tasks}" for model in MODELS for tasks in TASKS] + list(SUITES)

Part = collections.namedtuple("Part", "name base experts matrices")


class Models:
    """Checkpoints of the parts, in a folder; experts of fewer tasks are the first of more."""

    def __init__(self, folder, parts):
        self.folder, self.made = folder, set()
        self.most = collections.defaultdict(int)
        for part in parts:
            model, tasks = part.split("-T")
            self.most[model] = max(self.most[model], int(tasks))

    def clip(self, name):
        model, tasks = name.split("-T")
        shape, names, matrices = MODELS[model]
        folder = self.folder / model
        if model not in self.made:
            for old in self.made:
                shutil.rmtree(self.folder / old)
            make_experts.write(folder, shape, self.most[model], BLOCKS, names, grid=True)
            self.made = {model}
        return Part(name, folder / "base.safetensors",
                    [folder / f"expert_{t}.safetensors" for t in range(int(tasks))], matrices)

    def special(self, name):
        kind, make = SUITES[name]
        base, experts = make()
        paths = [self.folder / f"{name}_{i}.safetensors" for i in range(len(experts) + 1)]
        for path, tensors in zip(paths, (base, *experts)):
            container.save(path, tensors, kind=kind)
        return Part(name, paths[0], paths[1:], ("*",))

    def part(self, name):
        return self.special(name) if name in SUITES else self.clip(name)


def isomerge(args, part, method, precision, exclude):
    """Merged updates, name -> array."""
    out = part.base.parent / "merged.safetensors"
    command = [args.isomerge, "merge", "--quiet", "--update-only", "--threads", args.threads,
               "--method", method, "--precision", precision, "--base", part.base, "--out", out]
    for t, path in enumerate(part.experts):
        command += ["--expert", f"task{t}={path}"]
    for name, value in OPTIONS.get(method, {}).items():
        command += ["--option", f"{name}={value}"]
    for name in exclude:
        command += ["--exclude", name]
    # Warnings, of experts with equal content for example, belong to the suites.
    process = subprocess.run([str(x) for x in command], capture_output=True, text=True)
    if process.returncode != 0:
        sys.exit(f"{part.name} {method}: {process.stderr}")
    return container.load(out)[0]


class Cuts:
    """Notes how close the rank rule of the reference comes to its tolerance."""

    def __init__(self):
        self.plain, self.factor = reference.keep, math.inf

    def __enter__(self):
        reference.keep = self.noting
        return self

    def __exit__(self, *_):
        reference.keep = self.plain

    def noting(self, sigma, scale, tol):
        ratio = (sigma[sigma > 0] / (tol * scale)).log().abs()
        if ratio.numel() > 0:
            self.factor = min(self.factor, float(ratio.min().exp()))
        return self.plain(sigma, scale, tol)


def reference_of(method, name, updates):
    return reference.merged_update(method, name, updates).numpy()


def whole_models(part, method, dtype):
    """Of a global method."""
    base = load(part.base, dtype)
    updates = [{n: x - base[n] for n, x in load(path, dtype).items()} for path in part.experts]
    tasks = [f"task{t}" for t in range(len(updates))]
    merged = reference.global_rule(method, updates, tasks, OPTIONS.get(method, {}))
    return {name: x.numpy() for name, x in merged.items()}


def load(path, dtype):
    return {n: torch.from_numpy(np.array(x)).to(dtype) for n, x in container.load(path)[0].items()}


def both_routes(part, method, exclude):
    """Name -> (exact, full SVD in float32, near a cut)."""
    if method in reference.GLOBAL_METHODS:
        exact, plain = (whole_models(part, method, x) for x in (torch.float64, torch.float32))
        return {name: (x, plain[name], False) for name, x in exact.items()}
    files, found = [container.load(path)[0] for path in (part.base, *part.experts)], {}
    for name in files[0]:
        if name in exclude:
            continue
        arrays = [np.array(file[name], dtype=np.float64) for file in files]
        base, *experts = map(torch.from_numpy, arrays)
        updates = [expert - base for expert in experts]
        with Cuts() as cuts:
            exact = reference_of(method, name, updates)
        plain = reference_of(method, name, [expert.float() - base.float() for expert in experts])
        found[name] = (exact, plain, cuts.factor < NEAR)
    return found


def off_isometry(merged, exact, name):
    """How far a merged update of an "equal" suite is from scale * Q P with the suite's isometry Q
    and an orthogonal projection P; scale: the largest singular value of the reference."""
    scale = np.linalg.norm(exact, 2)
    q = equal(1)
    q = q[1][0][name].astype(np.float64) - q[0][name]
    q /= np.linalg.norm(q, 2)
    x = merged.astype(np.float64) / scale
    p = q.T @ x if x.shape[0] >= x.shape[1] else x @ q.T
    back = q @ p if x.shape[0] >= x.shape[1] else p @ q
    off = np.linalg.norm(p @ p - p) + np.linalg.norm(p - p.T) + np.linalg.norm(back - x)
    return off / np.linalg.norm(p)


def error(part, method, name, merged, exact):
    if part.name.startswith("equal") and method in ("tsv_m", "iso_cts") and len(part.experts) > 1:
        return off_isometry(merged, exact, name)
    return compare.error(merged, exact)


def verdict(fp32, plain, fp64, near):
    if not fp64 <= BARS["fp64"]:
        return "FAILED in fp64"
    if near:
        return "near a cut"
    if not fp32 <= BARS["fp32"]:
        return "FAILED in fp32"
    return "passed" if fp32 <= plain + FLOOR else "FAILED: above full SVD"


def excluded(part, method):
    """Matrices that a matrix method leaves out: unwanted ones, and all but the first of a shape."""
    names, seen = [], set()
    if method not in reference.MATRIX_RULES or part.name in SUITES:
        return names
    for name, x in container.load(part.base)[0].items():
        if x.ndim == 2:
            if x.shape in seen or not reference.matches(name, part.matrices):
                names.append(name)
            else:
                seen.add(x.shape)
    return names


def line(columns):
    return "{:10} {:16} {:>8} {:>9} {:>8}  {:24} {}".format(*columns)


def check(args, part, method):
    """Prints the part's line, and one for every tensor that fails; the number of these."""
    exclude = excluded(part, method)
    merged = {precision: isomerge(args, part, method, precision, exclude) for precision in BARS}
    rows = []
    for name, (exact, plain, near) in both_routes(part, method, exclude).items():
        fp32, fp64 = (error(part, method, name, merged[precision].get(name, np.empty(0)), exact)
                      for precision in BARS)
        full = error(part, method, name, plain, exact)
        rows.append((verdict(fp32, full, fp64, near), fp32, full, fp64, name))
    failures = [row for row in rows if row[0].startswith("FAILED")]
    near = sum(row[0] == "near a cut" for row in rows)
    counted = [row for row in rows if row[0] != "near a cut"] or rows
    worst = [max(row[i] for row in counted) for i in (1, 2)] + [max(row[3] for row in rows)]
    note = f"{len(failures)} FAILED" if failures else "passed"
    note += f", {near} near a cut" if near else ""
    texts = [f"{x:.1e}" for x in worst]
    print(line([part.name, method, *texts, note, f"{len(rows)} tensors"]), flush=True)
    for row in rows if args.verbose else failures:
        print(line(["", "", *(f"{x:.1e}" for x in row[1:4]), row[0], row[4]]), flush=True)
    return len(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="PART", default=["*"],
                        help="names or globs, b32-T8 or 'few-*'")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--isomerge", default=ROOT / "build" / "isomerge")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--verbose", action="store_true", help="a line for every tensor")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        return print("\n".join(PARTS))
    parts = [part for part in PARTS if reference.matches(part, args.only)]
    if not parts:
        sys.exit(f"no such part; there are {' '.join(PARTS)}")
    torch.set_num_threads(args.threads)
    has = [m for m in args.method
           if subprocess.run([args.isomerge, "methods", m], capture_output=True).returncode == 0]
    for method in sorted(set(args.method) - set(has)):
        print(f"{args.isomerge} has no method {method}: not checked")
    print(line(["part", "method", "fp32", "full SVD", "fp64", "verdict", ""]))
    with tempfile.TemporaryDirectory() as folder:
        models = Models(pathlib.Path(folder), [p for p in parts if p not in SUITES])
        failures = sum(check(args, part, method)
                       for part in map(models.part, parts) for method in has)
    print(f"{failures} failures")
    sys.exit(int(failures > 0))


if __name__ == "__main__":
    main()
