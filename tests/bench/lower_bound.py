"""Seconds no merge of these files by these methods can do without, by a simple model.

seconds = bytes / memory read bandwidth + flops / GEMM rate, both measured with torch at the same
number of threads. Bytes: base and experts read, merged model written, once. Flops of one matrix
[m, n] with r = min(m, n), l = max(m, n), as if everything ran at GEMM speed, of what every known
route has to do:
  gram(l, r) = l r^2                one triangle of A^T A
  eigen(r)   = 4/3 r^3              its tridiagonalisation, nothing after it
  factor(q)  = (m + n) q^2 + 2 eigen(q) + 2 q^3 + 2 r q^2 + 2 m n q
             two stacks [m, q], [n, q]: Grams, eigen, core of the two inverse roots, product
  iso_c      = gram(l, r) + eigen(r) + 2 l r^2      polar factor and nuclear norm of the sum
  tsv_m      = T 4 l r s + factor(s T)              s = floor(r / T); one product with the block of
                                                    s vectors on either side of every update
  iso_cts    = gram(l, r) + eigen(r) + 2 l r k + T (4 l r s + 4 m k s) + factor(k + s T)
                                                    k leading triplets of the sum; residuals applied
                                                    to blocks of vectors, never formed
Element-wise methods have no flops to speak of: they are bound by memory.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import reference


def gram(l, r):
    return l * r**2


def eigen(r):
    return 4 / 3 * r**3


def factor(m, n, q):
    return (m + n) * q**2 + 2 * eigen(q) + 2 * q**3 + 2 * min(m, n) * q**2 + 2 * m * n * q


def iso_c(m, n, tasks):
    l, r = max(m, n), min(m, n)
    return gram(l, r) + eigen(r) + 2 * l * r**2


def tsv_m(m, n, tasks):
    s = min(m, n) // tasks
    return tasks * 4 * m * n * s + factor(m, n, s * tasks)


def iso_cts(m, n, tasks, fraction=0.8):
    l, r = max(m, n), min(m, n)
    k, s = reference.budget(r, tasks, fraction)
    if s == 0:
        return iso_c(m, n, tasks)
    return (gram(l, r) + eigen(r) + 2 * l * r * k + tasks * (4 * m * n * s + 4 * m * k * s) +
            factor(m, n, r))


FLOPS = {"iso_c": iso_c, "tsv_m": tsv_m, "iso_cts": iso_cts}
SVDS = {"iso_c": lambda tasks: 1, "tsv_m": lambda tasks: tasks + 2,
        "iso_cts": lambda tasks: tasks + 3}


def flops(method, shapes, tasks):
    """shapes: of the trained matrices."""
    return sum(FLOPS[method](m, n, tasks) for m, n in shapes) if method in FLOPS else 0


def svd_flops(method, shapes, tasks):
    """What the straightforward route does: thin SVDs at 6 l r^2 + 20 r^3."""
    one = sum(6 * max(x) * min(x)**2 + 20 * min(x)**3 for x in shapes)
    return SVDS[method](tasks) * one if method in SVDS else 0


def bound(method, shapes, tasks, size, rates):
    """size: bytes of one checkpoint."""
    work = {"bytes": (tasks + 2) * size, "flops": flops(method, shapes, tasks)}
    seconds = (work["bytes"] / rates["read_bytes_per_s"] + work["flops"] / rates["gemm_flop_per_s"])
    return dict(work, seconds=seconds)
