"""interference.py: how far features of the mini suite's base are from those of four experts.

Reference of `isomerge analyze interference`: mean over images and features of |f_base - f_expert|
(arXiv 2502.04959, Fig. 7), in float64, images of the test split one batch after another. Writes
interference.json, in a minute:

    .venv/bin/python tests/golden/interference.py
"""
import json
import pathlib
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "data"))
import container
import pack

MODEL = ROOT / "models" / "mini" / "vit"
TASKS = ["digits", "fashion", "icons", "flags"]
MEAN, STD = 0.3, 0.3  # as the suite says, for every channel


def encoder(weights):
    module = torch.jit.load(MODEL / "encoder.pt").double().eval()
    tensors = {n: torch.from_numpy(np.array(x)) for n, x in container.load(weights)[0].items()}
    module.load_state_dict(tensors)
    return module


def distance(task):
    base, expert = (encoder(MODEL / path) for path in
                    ("base.safetensors", f"experts/{task}.safetensors"))
    _, images, _ = pack.read_split(ROOT / "data" / "mini" / "vision" / f"{task}.pack", "test")
    pixels = (torch.from_numpy(images.astype(np.float64) / 255) - MEAN) / STD
    if pixels.shape[1] == 1:
        pixels = pixels.expand(-1, 3, -1, -1)
    with torch.no_grad():
        parts = [(base(x) - expert(x)).abs().mean(1) for x in pixels.split(100)]
    return float(torch.cat(parts).mean())


torch.set_num_threads(1)
found = {task: distance(task) for task in TASKS}
(HERE / "interference.json").write_text(json.dumps(found, indent=2) + "\n")
print(found)
