"""Writes what all experts share, from build/base.pt: vit/encoder.pt, vit/base.safetensors, vit/heads.safetensors; the base's part of MANIFEST.json.
`export.py wide` writes the same three to build/wide/, from build/base-wide.pt.

vit/encoder.pt             TorchScript module; holds the base's weights too
vit/base.safetensors       fp16
vit/heads.safetensors      fp32, one tensor [classes, e] for each of the twenty tasks
"""

import json
import sys
from pathlib import Path

import torch
from encoder import SHAPES, Encoder, normalise
from pretrain import DATA, base_path, which_encoder
from safetensors.torch import save

sys.path.insert(0, str(DATA / "mini"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from files import write, write_script  # noqa: E402
from tasks import TASKS  # noqa: E402

HERE = Path(__file__).parent
FOLDERS = {"vit": HERE / "vit", "wide": HERE / "build" / "wide"}


def script(encoder, path):
    """Saves the TorchScript module, after checking that it computes what the Python module computes."""
    encoder.eval()
    scripted = torch.jit.script(encoder)
    images = normalise(torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        if not torch.allclose(scripted(images), encoder(images), atol=1e-6):
            raise RuntimeError("the scripted encoder differs from the Python one")
    write_script(path, scripted)


def main():
    name = which_encoder()
    folder = FOLDERS[name]
    base = torch.load(base_path(name))
    row = {concept: index for index, concept in enumerate(base["concepts"])}
    heads = {task.name: base["vectors"][[row[label] for label in task.concepts]].contiguous() for task in TASKS}
    encoder = Encoder(SHAPES[name])
    encoder.load_state_dict(base["encoder"])
    script(encoder, folder / "encoder.pt")
    write(folder / "base.safetensors", save({key: value.half() for key, value in base["encoder"].items()}))
    write(folder / "heads.safetensors", save(heads))
    if name == "vit":
        write(HERE / "MANIFEST.json", (json.dumps({"base": base["record"]}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
