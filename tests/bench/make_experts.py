"""make_experts.py DIR --shape vit_b32 --tasks 8: base and experts with CLIP's names and shapes.

Writes base.safetensors and expert_<t>.safetensors. Every number depends on the tensor's OpenCLIP
name and the task alone: --names hf renames and splits the same weights, fewer tasks or blocks are a
prefix of more. Needs the memory of a few tensors: all files grow side by side, tensor by tensor.

Updates look like those of the trained experts of models/mini/vit. D_t = X_t diag(s) Y_t + noise
with Gaussian X_t [m, r], Y_t [r, n], column scales s_i = (1 + i / (0.2 r))^-1.7 and noise of a tenth
of the norm; 75 % of the variance of the factor on the short side and 5 % of the other one are the
same in all tasks: task matrices share much of one singular space and little of the other. Medians
over blocks and tasks of sigma(x r) / sigma_1, [384, 128], T = 8 (trained: attn.in_proj_weight):
                 x = 0.05   0.1   0.25    0.5   0.75    0.9      1
  one task, trained  0.65  0.45   0.19   0.08   0.04   0.03  0.020
  one task, here     0.64  0.46   0.20   0.08   0.04   0.02  0.017
  sum, trained       0.70  0.51   0.24   0.12   0.07   0.05  0.035
  sum, here          0.67  0.48   0.25   0.15   0.09   0.07  0.048
Square matrices ([128, 128], attn.out_proj.weight) fall to nothing at x = 1, trained and here, over
0.41 and 0.46 (x = 0.1), 0.038 and 0.065 (0.5), 0.005 and 0.008 (0.9). Overlap of the r/T leading
directions of two tasks, |V_i^T V_j|_F^2 T / r, of [384, 128] and [512, 128]: on the short side
0.47-0.70 trained and 0.54 here, on the long one 0.04-0.18 and 0.04. Cosine of two updates: 0.01-0.05
and 0.04. An update has 5 % of the norm of its weights, as there.
"""
import argparse
import contextlib
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import clip_shapes
import container
import formula

KINDS = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}
DECAY, KNEE, NOISE = 1.7, 0.2, 0.1
SHARED_SHORT, SHARED_LONG = 0.75, 0.05
WEIGHT, RATIO = 0.02, 0.05  # size of the base's entries; of an update against its weights
BASE, COMMON = "base", "common"


def generator(name, stream):
    return np.random.Generator(np.random.SFC64(formula.fnv1a(f"{name}/{stream}")))


def normal(random, *shape):
    return random.standard_normal(shape, dtype=np.float32)


def base(name, shape):
    return normal(generator(name, BASE), *shape) * np.float32(WEIGHT)


class Updates:
    """Updates of one tensor, task by task; holds the factors all tasks have in common."""

    def __init__(self, name, shape):
        self.name, self.shape = name, shape
        if len(shape) != 2:
            return
        m, n = shape
        r = min(m, n)
        scales = (1.0 + np.arange(r) / (KNEE * r))**-DECAY
        scales *= RATIO * WEIGHT / np.sqrt(np.sum(scales**2))
        self.scales = scales.astype(np.float32)
        self.shares = (SHARED_LONG, SHARED_SHORT) if m >= n else (SHARED_SHORT, SHARED_LONG)
        random = generator(name, COMMON)
        self.common = [normal(random, m, r), normal(random, r, n)]
        for x, share in zip(self.common, self.shares):
            x *= np.float32(np.sqrt(share))

    def factor(self, random, side):
        x = normal(random, *self.common[side].shape)
        x *= np.float32(np.sqrt(1.0 - self.shares[side]))
        x += self.common[side]
        return x

    def task(self, t):
        random = generator(self.name, t)
        if len(self.shape) != 2:
            return normal(random, *self.shape) * np.float32(RATIO * WEIGHT)
        left, right = self.factor(random, 0), self.factor(random, 1)
        if left.size < right.size:
            left *= self.scales
        else:
            right *= self.scales[:, None]
        x = left @ right
        noise = random.random(self.shape, dtype=np.float32)  # uniform: as good, and faster
        noise -= np.float32(0.5)
        noise *= np.float32(NOISE * RATIO * WEIGHT * np.sqrt(12.0))
        x += noise
        return x


def on_grid(x):
    """Multiples of 2^-24: then float32 holds updates and their sums exactly."""
    x *= np.float32(2.0**24)
    np.rint(x, out=x)
    x *= np.float32(2.0**-24)
    return x


def write_pieces(file, tensor, x, kind):
    for _, first, last in tensor.pieces:
        container.encode(x[first:last] if x.ndim else x, kind).tofile(file)


def entries(tensors, kind):
    return {name: (kind, (last - first, *t.shape[1:]) if t.shape else ())
            for t in tensors for name, first, last in t.pieces}


def write(folder, shape, tasks, blocks=0, names="openclip", text=False, dtype="fp32", grid=False):
    folder, kind = pathlib.Path(folder), KINDS[dtype]
    folder.mkdir(parents=True, exist_ok=True)
    trained = clip_shapes.visual(shape, blocks, names)
    frozen = clip_shapes.text(shape, names) if text else []
    paths = [folder / "base.safetensors",
             *(folder / f"expert_{t}.safetensors" for t in range(tasks))]
    with contextlib.ExitStack() as stack:
        start, *experts = [stack.enter_context(container.create(p, entries(trained + frozen, kind)))
                           for p in paths]
        for tensor in trained:
            x, updates = base(tensor.name, tensor.shape), Updates(tensor.name, tensor.shape)
            x = on_grid(x) if grid else x
            write_pieces(start, tensor, x, kind)
            for t, expert in enumerate(experts):
                changed = updates.task(t)
                changed += x
                changed = on_grid(changed) if grid else changed
                write_pieces(expert, tensor, changed, kind)
        for tensor in frozen:
            x = np.asarray(base(tensor.name, tensor.shape))
            for file in (start, *experts):
                write_pieces(file, tensor, x, kind)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--shape", choices=clip_shapes.SHAPES, default="vit_b32")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=0, help="0: all of them")
    parser.add_argument("--names", choices=("openclip", "hf"), default="openclip")
    parser.add_argument("--text", action="store_true", help="with what is left of the text side")
    parser.add_argument("--dtype", choices=KINDS, default="fp32")
    args = parser.parse_args()
    write(args.folder, args.shape, args.tasks, args.blocks, args.names, args.text, args.dtype)


if __name__ == "__main__":
    main()
