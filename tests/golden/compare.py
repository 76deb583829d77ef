"""compare.py CASE METHOD MERGED_FILE [--precision fp32|fp64]

MERGED_FILE is what `isomerge merge --update-only` wrote for the experts of write_checkpoints.py, with
the case's options (cases.json: common_fraction, exclude, average). Computes the reference anew, prints
|M - R|_F / |R|_F of every tensor, and fails if one is above 1e-4 (fp32) or 1e-10 (fp64).
A file holds fp32 at most, so the fp64 bar becomes 1e-6 when the file is not fp64.
"""
import argparse
import sys

import numpy as np

import container
import formula
import make_golden

BARS = {"fp32": 1e-4, "fp64": 1e-10}


def error(merged, exact):
    """Relative where the reference is not zero; a shape that differs or NaN is infinitely wrong."""
    if merged.shape != exact.shape:
        return np.inf
    norm = np.linalg.norm(exact)
    value = np.linalg.norm(merged.astype(np.float64) - exact) / (norm if norm > 0 else 1.0)
    return value if np.isfinite(value) else np.inf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("case", choices=formula.cases())
    parser.add_argument("method", choices=make_golden.reference.METHODS)
    parser.add_argument("merged")
    parser.add_argument("--precision", choices=BARS, default="fp32")
    args = parser.parse_args()
    case, (merged, _) = formula.cases()[args.case], container.load(args.merged)
    bar, worst = BARS[args.precision], 0.0
    if any(x.dtype != np.float64 for x in merged.values()):
        bar = max(bar, 1e-6)
    names = {t["name"] for t in case["tensors"]}
    if set(merged) != names:
        sys.exit(f"tensors differ: missing {sorted(names - set(merged))}, extra {sorted(set(merged) - names)}")
    for tensor in case["tensors"]:
        updates = make_golden.checkpoints(case, tensor)[2]
        _, exact = next(make_golden.results(case, tensor, updates, [args.method]))
        value = error(merged[tensor["name"]], exact.numpy())
        worst = max(worst, value)
        print(f"{value:9.2e}  {tensor['name']}", flush=True)
    print(f"{worst:9.2e}  worst; bar {bar:.0e}: {'passed' if worst <= bar else 'FAILED'}")
    sys.exit(int(worst > bar))


if __name__ == "__main__":
    main()
