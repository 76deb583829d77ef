"""isomerge and the safetensors library read each other's files. Run by safetensors_test.sh."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

isomerge, folder = sys.argv[1], Path(sys.argv[2])
generator = np.random.default_rng(1)


def weights(scale):
    shapes = {"visual.proj": (48, 32), "visual.ln_post.bias": (48,), "visual.conv1.weight": (8, 3, 4, 4), "logit_scale": ()}
    model = {name: np.asarray(scale * generator.standard_normal(shape), dtype=np.float32) for name, shape in shapes.items()}
    return model | {"position_ids": np.arange(5, dtype=np.int64)}


base = weights(1.0)
experts = [{name: np.asarray(value + weights(0.01)[name]) if value.dtype == np.float32 else value for name, value in base.items()} for _ in range(3)]
save_file(base, folder / "base.safetensors", metadata={"format": "pt"})
command = [isomerge, "merge", "--quiet", "--method", "task_arithmetic", "--alpha", "0.5", "--base", folder / "base.safetensors"]
for index, expert in enumerate(experts):
    save_file(expert, folder / f"{index}.safetensors")
    command += ["--expert", f"task{index}={folder / f'{index}.safetensors'}"]
subprocess.run([*command, "--out", folder / "merged.safetensors"], check=True)

merged = load_file(folder / "merged.safetensors")
assert merged.keys() == base.keys(), merged.keys()
for name, value in base.items():
    if value.dtype != np.float32:
        assert np.array_equal(merged[name], value), name
        continue
    want = value.astype(np.float64) + 0.5 * sum(expert[name].astype(np.float64) - value for expert in experts)
    assert merged[name].dtype == np.float32 and merged[name].shape == value.shape, name
    assert np.allclose(merged[name], want, rtol=0, atol=1e-6), (name, np.abs(merged[name] - want).max())
with safe_open(folder / "merged.safetensors", "numpy") as file:
    assert file.metadata()["isomerge.recipe"] == "task_arithmetic/alpha=0.5", file.metadata()
print(f"safetensors: {len(merged)} tensors went through the library, isomerge and the library again")
