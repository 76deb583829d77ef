"""write_checkpoints.py CASE DIR: the weights of a case as base.safetensors and expert_<t>.safetensors.

Cases: those of cases.json, and vit_b32 (all twelve blocks).
"""
import pathlib
import sys

import container
import formula


def main(case, folder):
    case, folder = formula.cases()[case], pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    base = {t["name"]: formula.base(t) for t in case["tensors"]}
    container.save(folder / "base.safetensors", base)
    for task in range(case["tasks"]):  # one model at a time
        expert = {t["name"]: formula.expert(case, t, task) for t in case["tensors"]}
        container.save(folder / f"expert_{task}.safetensors", expert)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
