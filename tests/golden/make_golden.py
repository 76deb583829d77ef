"""Writes the committed results: vit_b32_block.safetensors and small.safetensors, all float64.

Names: <case>/<run>/<tensor> up to 256 entries; larger ones as <case>/<run>/<tensor>#norm, #probe
and #sample (formula.sketch: 2 probes, 256 samples). A run is a method or one of the case's
ablations, with the options that make it one: iso_c/beta=0.4. Metadata: format, torch, command, and
checksum/<case>/<tensor> over the bytes of base and experts.
"""
import json
import sys
import time

import numpy as np
import torch

import container
import formula
import reference

FORMAT, WHOLE, PROBES, SAMPLES = "isomerge-golden-1", 256, 2, 256
COMMAND = ".venv/bin/python tests/golden/make_golden.py"
GAP = 0.01  # smallest relative distance of two singular values at a cut


def checkpoints(case, tensor):
    """float32 base, float32 experts, float64 updates as isomerge forms them."""
    base = formula.base(tensor)
    experts = [formula.expert(case, tensor, t) for t in range(case["tasks"])]
    exact = torch.tensor(base, dtype=torch.float64)
    return base, experts, [torch.tensor(e, dtype=torch.float64) - exact for e in experts]


def parse_run(run):
    """"iso_c/beta=0.4" -> method and options."""
    method, *parts = run.split("/")
    return method, {name: json.loads(value) for name, value in (part.split("=") for part in parts)}


def runs_of(case):
    return [*reference.METHODS, *case.get("ablations", ())]


def results(case, tensor, updates):
    for run in runs_of(case):
        method, options = parse_run(run)
        yield run, reference.merged_update(method, tensor["name"], updates, case["fraction"],
                                           case["exclude"], case["average"], **options)


def gap(sigma, cut, scale, tol):
    """Relative distance at the cut; 1 where nothing is cut or only null directions are."""
    if not 0 < cut < len(sigma) or sigma[cut - 1] <= tol * scale:
        return 1.0
    return float(1 - sigma[cut] / sigma[cut - 1])


def smallest_gap(updates, case):
    """Over the cuts of TSV-M (each task), Iso-CTS (sum, residuals) and Iso-C's kept_fraction."""
    tasks, r, fraction = len(updates), min(updates[0].shape), case["fraction"]
    tol, (k, s) = r**0.5 * reference.EPS32, reference.budget(r, tasks, fraction)
    spectra = [torch.linalg.svdvals(update) for update in updates]
    gaps = [gap(sigma, r // tasks, sigma[0], tol) for sigma in spectra]
    if s > 0:
        u, sigma, _ = reference.svd(sum(updates))
        gaps.append(gap(sigma, k, sigma[0], tol))
        common = u[:, :k] * reference.keep(sigma, sigma[0], tol)[:k]
        for update, own in zip(updates, spectra):
            residual = torch.linalg.svdvals(update - common @ (common.T @ update))
            gaps.append(gap(residual, s, max(sigma[0], own[0]), tol))
    total = torch.linalg.svdvals(sum(updates))
    for run in runs_of(case):
        kept = parse_run(run)[1].get("kept_fraction", 1.0)
        gaps.append(gap(total, int(kept * r), total[0], tol))
    return min(gaps)


def store(kept, key, name, merged):
    if merged.size <= WHOLE:
        kept[key] = merged
    else:
        parts = formula.sketch(name, merged, PROBES, SAMPLES)
        kept.update({f"{key}#{part}": x for part, x in parts.items()})


def generate(case, kept, metadata):
    for tensor in case["tensors"]:
        name, start = tensor["name"], time.time()
        base, experts, updates = checkpoints(case, tensor)
        metadata[f"checksum/{case['name']}/{name}"] = formula.checksum([base, *experts])
        least = 1.0
        if len(tensor["shape"]) == 2 and tensor["kind"] not in ("zero", "uniform"):
            least = smallest_gap(updates, case)
            if least < GAP:
                sys.exit(f"{case['name']} {name}: gap {least:.4f} at a cut; choose other numbers")
        for run, merged in results(case, tensor, updates):
            store(kept, f"{case['name']}/{run}/{name}", name, merged.numpy())
        print(f"{case['name']:14} {name:50} gap {least:.3f}  {time.time() - start:6.1f} s", flush=True)


def main():
    cases = formula.cases()
    for file in ("small", "vit_b32_block"):
        kept = {}
        metadata = {"format": FORMAT, "torch": torch.__version__.split("+")[0], "command": COMMAND}
        for name, case in cases.items():
            if name.split("/")[0] == file:
                generate(case, kept, metadata)
        container.save(formula.FOLDER / f"{file}.safetensors", kept, metadata)


if __name__ == "__main__":
    main()
