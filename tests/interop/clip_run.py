"""Runs a script beside a torchvision whose compiled operators do not fit the torch at hand: the operators that it wants to know of at import are declared.

    clip_run.py SCRIPT [ARGUMENT...]
"""

import runpy
import sys
from pathlib import Path

import torch


def declare():
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


if __name__ == "__main__":
    declare()
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
