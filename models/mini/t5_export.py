"""Writes what all language experts share, from build/t5_base.pt: t5/model.pt, t5/base.safetensors; the base's part of t5/MANIFEST.json.

t5/model.pt            TorchScript module without weights: checkpoints bring them
t5/base.safetensors    fp16
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save
from t5_pretrain import SHAPE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from files import empty, write, write_script  # noqa: E402
from t5 import T5, Shape  # noqa: E402

DROPOUT = 0.1  # of fine-tuning


def main():
    base = torch.load(HERE / "build" / "t5_base.pt")
    model = T5(Shape(**SHAPE, dropout=DROPOUT))
    model.load_state_dict({name: value.float() for name, value in base["weights"].items()})
    scripted = torch.jit.script(model.eval())
    ids, choices = torch.randint(2, SHAPE["vocabulary"], (2, 20)), torch.randint(2, SHAPE["vocabulary"], (2, 3, 4))
    with torch.no_grad():
        ones = torch.ones_like
        scores = [it.score(it.encode(ids, ones(ids)), ones(ids), choices, ones(choices)) for it in (model, scripted)]
    if not torch.allclose(*scores, atol=1e-4):
        raise RuntimeError("the scripted module differs from the Python one")
    empty(scripted)
    write_script(HERE / "t5" / "model.pt", scripted)
    write(HERE / "t5" / "base.safetensors", save(base["weights"]))
    write(HERE / "t5" / "MANIFEST.json", (json.dumps({"base": base["record"]}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
