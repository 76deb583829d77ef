"""A tree of checkpoints as the papers publish them, with random weights: state dicts with the text side, pickled heads.

    paper_tree.py FOLDER LABELS.json MODEL      MODEL: open_clip's name, or small
"""
import json
import sys
import types
from pathlib import Path

import clip_run
import torch

clip_run.declare()
import open_clip  # noqa: E402
from paper_heads import head_of  # noqa: E402

FOLDERS = {"cars": "Cars", "dtd": "DTD", "eurosat": "EuroSAT", "gtsrb": "GTSRB", "mnist": "MNIST", "resisc45": "RESISC45", "svhn": "SVHN", "sun397": "SUN397"}
SMALL = {"embed_dim": 32, "quick_gelu": True,
         "vision_cfg": {"image_size": 224, "layers": 2, "width": 64, "head_width": 16, "patch_size": 32},
         "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}}  # fmt: skip


def head_class():
    """A class of the module that the official code pickles its heads from."""
    module = types.ModuleType("src.models.heads")

    class ClassificationHead(torch.nn.Linear):
        def __init__(self, weights):
            super().__init__(weights.shape[1], weights.shape[0])
            self.normalize = True
            self.weight = torch.nn.Parameter(weights.clone())
            self.bias = torch.nn.Parameter(torch.zeros_like(self.bias))

    ClassificationHead.__module__, ClassificationHead.__qualname__ = "src.models.heads", "ClassificationHead"
    module.ClassificationHead = ClassificationHead
    for name in ("src", "src.models"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["src.models.heads"] = module
    return ClassificationHead


def main():
    folder, labels_file, name = sys.argv[1:]
    folder, labels = Path(folder) / "ViT-B-32", json.loads(Path(labels_file).read_text())
    torch.manual_seed(3)
    if name == "small":
        config = folder.parent / "small-clip.json"
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps(SMALL))
        open_clip.add_model_config(config)
        name = "small-clip"
    model = open_clip.create_model(name).eval()
    tree = lambda: {f"model.{key}": value.clone() for key, value in model.state_dict().items()}  # noqa: E731
    base = {key: value.clone() for key, value in model.state_dict().items()}
    (folder / "MNISTVal").mkdir(parents=True)
    torch.save(tree(), folder / "MNISTVal" / "nonlinear_zeroshot.pt")
    head = head_class()
    for task, (train, _) in labels.items():
        model.load_state_dict(base)
        with torch.no_grad():
            for key, parameter in model.visual.named_parameters():
                parameter.add_(0.1 * parameter.std() * torch.randn(parameter.shape) if parameter.numel() > 1 else 0)
        place = folder / f"{FOLDERS[task]}Val"
        place.mkdir(exist_ok=True)
        torch.save(tree(), place / "nonlinear_finetuned.pt")
        torch.save(head(head_of(model.encode_image, task, train)), folder / f"head_{FOLDERS[task]}Val.pt")


main()
