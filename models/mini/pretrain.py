"""Pretrains the base on the mixture: encoder and one class vector per concept, learned together as a cosine classifier.

Writes build/base.pt, for `pretrain.py wide` build/base-wide.pt: the encoder rounded to fp16, since that is what ships and what
experts start from, and the concept vectors.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from encoder import SHAPES, Encoder
from training import accuracy, train

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "data"
sys.path.insert(0, str(DATA))
from pack import read_pack  # noqa: E402

SEED, EPOCHS, RATE, WARMUP = 1, {"vit": 9, "wide": 5}, 1.5e-3, 200
TEMPERATURE = 20.0  # logits are 20 * cosine; frozen into the heads


def load(path, split):
    """-> images uint8 [n, c, H, W], labels [n], class names"""
    header, images, labels = read_pack(path)
    begin, end = header["splits"][split]
    return torch.tensor(images[begin:end]), torch.tensor(labels[begin:end].astype("int64")), header["classes"]


def which_encoder():
    """The name in SHAPES that the command line asks for."""
    name = sys.argv[1] if len(sys.argv) > 1 else "vit"
    if name not in SHAPES:
        sys.exit(f"no encoder {name}: there are {', '.join(SHAPES)}")
    return name


def base_path(name):
    return HERE / "build" / ("base.pt" if name == "vit" else f"base-{name}.pt")


def main():
    name = which_encoder()
    epochs = EPOCHS[name]
    torch.manual_seed(SEED)
    packs = sorted((DATA / "mini" / "build" / "pretrain").glob("*.pack"))
    parts = [load(path, "train") for path in packs]
    concepts = parts[0][2]
    encoder = Encoder(SHAPES[name])
    vectors = torch.nn.Parameter(torch.randn(len(concepts), encoder.visual.proj.shape[1]))

    def head():
        return TEMPERATURE * F.normalize(vectors, dim=1)

    images = torch.cat([images.expand(-1, 3, -1, -1) for images, _, _ in parts])
    labels = torch.cat([labels for _, labels, _ in parts])
    count = len(labels)
    print(f"{count} images of {len(concepts)} concepts, {sum(p.numel() for p in encoder.parameters())} parameters", flush=True)
    seconds = train(encoder, head, [*encoder.parameters(), vectors], images, labels, epochs, RATE, SEED, WARMUP, log=lambda line: print(line, flush=True))

    state = {key: value.half().float() for key, value in encoder.state_dict().items()}
    encoder.load_state_dict(state)
    seen = {path.stem: accuracy(encoder, head().detach(), images[::10], labels[::10]) for path, (images, labels, _) in zip(packs, parts)}
    record = {"seed": SEED, "epochs": epochs, "rate": RATE, "warm-up steps": WARMUP, "temperature": TEMPERATURE, "images": count,
              "concepts": len(concepts), "threads": torch.get_num_threads(), "seconds": round(seconds), "accuracy on a tenth of the mixture": seen}  # fmt: skip
    print(json.dumps(record))
    (HERE / "build").mkdir(exist_ok=True)
    torch.save({"encoder": state, "concepts": concepts, "vectors": head().detach(), "record": record}, base_path(name))


if __name__ == "__main__":
    main()
