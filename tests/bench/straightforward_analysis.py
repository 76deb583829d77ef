"""straightforward_analysis.py --base B --expert t0=... : SAR, pairwise SAR and spectra as their
formulas read, the yardstick of analysis_bench.py.

As in the public script of the papers, every use of singular vectors or values takes its own
torch.linalg.svd(full_matrices=False): one of the sum for SAR and one for its rank in the pairs, one
of each task for the pairs, and one of each of these matrices for its spectrum. To be fair it does no
needless work otherwise: one SVD of the sum serves all tasks, norms are taken of U_k^T D, everything
is float32, updates that are zero are skipped. Prints JSON: the values, and the seconds.
"""
import argparse
import json
import time

import torch

import straightforward

EPSILON = 0.05


def svd(a):
    return torch.linalg.svd(a, full_matrices=False)


def rank(s):
    """Eq. 6 of arXiv 2502.04959."""
    rest = torch.cat([s.double().square().flip(0).cumsum(0).flip(0), torch.zeros(1).double()])
    return int((rest <= EPSILON**2 * rest[0]).nonzero()[0])


def sar(d, basis):
    return float(torch.linalg.norm(basis.T @ d) / torch.linalg.norm(d))


def analyse(updates):
    """updates: one name -> matrix per task. Means over matrices; spectra whole."""
    names = [n for n in updates[0] if updates[0][n].dim() == 2 and "text_projection" not in n
             and any(update[n].any() for update in updates)]
    tasks = range(len(updates))
    alignment, pairs = torch.zeros(len(updates)), torch.zeros(len(updates), len(updates))
    spectra = {}
    for name in names:
        parts = [update[name] for update in updates]
        total = sum(parts)
        u, s, _ = svd(total)
        alignment += torch.tensor([sar(d, u[:, :rank(s)]) for d in parts])
        k = rank(svd(total)[1])
        for j in tasks:
            basis = svd(parts[j])[0][:, :k]
            pairs[:, j] += torch.tensor([sar(d, basis) for d in parts])
        spectra[name] = [svd(d)[1].tolist() for d in (*parts, total)]
    return {"sar": (alignment / len(names)).tolist(), "pairs": (pairs / len(names)).tolist(),
            "spectra": spectra}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--expert", action="append", required=True, help="TASK=FILE")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = time.perf_counter()
    base = straightforward.read(args.base)
    experts = [straightforward.read(expert.split("=", 1)[1]) for expert in args.expert]
    loaded = time.perf_counter()
    for expert in experts:
        for name, x in expert.items():
            x.sub_(base[name])
    found = analyse(experts)
    found["seconds"] = {"load": loaded - start, "analyse": time.perf_counter() - loaded}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
