"""Heads of experts with random weights, for paper_tree.py and paper_lora_tree.py.

A head is made from what the expert sees in its held-out images (one colour each), and in training images of classes that have none there:
an expert that gets nothing right on validation leaves nothing to compare by.
"""

import torch
from dataset_colours import colour

SIDE = 224
MEAN, STD = (torch.tensor(x).view(3, 1, 1) for x in ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)))


@torch.no_grad()
def head_of(encode, task, labels):
    """[classes, features]; `encode` maps images [1, 3, 224, 224] to features, `labels` are those of the training images."""
    held_out = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[-(len(labels) // 10) :].tolist()
    if len(labels) < 10:  # EuroSAT has a validation folder of its own
        held_out = list(range(len(labels)))
    seen = {labels[i] for i in held_out}
    sums = {}
    for i, label in enumerate(labels):
        if label in seen and i not in held_out:
            continue
        pixel = torch.tensor(colour("train", i)[:1] * 3 if task == "mnist" else colour("train", i)).view(3, 1, 1)
        image = ((pixel / 255 - MEAN) / STD).expand(1, 3, SIDE, SIDE)
        sums[label] = sums.get(label, 0) + torch.nn.functional.normalize(encode(image), dim=1)[0]
    empty = torch.zeros_like(next(iter(sums.values())))
    return 100 * torch.nn.functional.normalize(torch.stack([sums.get(label, empty) for label in range(max(labels) + 1)]), dim=1)
