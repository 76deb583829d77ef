"""The twenty vision datasets as small archives in their authors' formats, through data/convert.py and isomerge pack."""
import pathlib
import subprocess
import sys

import numpy as np
import torch
from dataset_archives import TEST, TRAIN, Trees
from dataset_colours import colour

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "data"))
import convert
import pack


def expected(name, train_labels, test_labels):
    """[(colour, label)] of val, then of test."""
    if name == "eurosat":
        val = list(range(4))
    else:
        val = torch.randperm(TRAIN, generator=torch.Generator().manual_seed(0))[TRAIN - TRAIN // 10:].tolist()
    if name == "pcam":
        val.sort()
    return ([(colour("train", i), int(train_labels[i])) for i in val], [(colour("test", i), int(test_labels[i])) for i in range(TEST)])


def check(name, isomerge, trees, folder):
    labels = getattr(trees, name)()
    run = subprocess.run([sys.executable, ROOT / "data" / "convert.py", name, trees.root, "--out", folder], capture_output=True, text=True)
    assert run.returncode == 0, f"{name}: {run.stderr}"
    made = folder / f"{name}.images.json"
    made = made if made.exists() else folder / f"{name}.pack"
    packed = folder / "packed" / f"{name}.pack"
    packed.parent.mkdir(exist_ok=True)
    subprocess.run([isomerge, "pack", "--quiet", made, packed, "--resize", "16", "--crop", "16"], check=True, stdout=subprocess.DEVNULL)
    for split, wanted in zip(("val", "test"), expected(name, *labels)):
        classes, images, found = pack.read_split(packed, split)
        assert list(found) == [label for _, label in wanted], f"{name} {split}: labels {list(found)}"
        for i, (pixel, _) in enumerate(wanted):
            middle = images[i, :, 8, 8].astype(int)
            off = np.abs(middle - np.array(pixel)[:len(middle)]).max()
            assert off <= 3, f"{name} {split}: image {i} is {middle}, expected {pixel}"  # 3: JPEG of quality 95
        assert len(classes) > max(found), f"{name}: {classes}"
    print(f"{name}: {made.name}, {len(expected(name, *labels)[0])} val, {TEST} test, {len(classes)} classes")


def refuses(folder, name, tree, spoil, *texts):
    spoil(tree)
    run = subprocess.run([sys.executable, ROOT / "data" / "convert.py", name, tree, "--out", folder / "spoiled"], capture_output=True, text=True)
    assert run.returncode == 1 and all(text in run.stderr for text in texts), f"{name}: {run.stderr}"
    assert not list((folder / "spoiled").glob(f"{name}.*")), f"{name}: something half-written remains"
    print(f"refused: {run.stderr.strip()[-150:]}")


def main():
    isomerge, scratch = sys.argv[1:]
    folder = pathlib.Path(scratch)
    for count in (10, 1020, 50000):
        assert convert.validation_part(count) == torch.randperm(count, generator=torch.Generator().manual_seed(0))[count - min(count // 10, 5000):].tolist()
    trees = Trees(folder / "originals")
    trees.root.mkdir()
    for name in convert.DATASETS:
        check(name, isomerge, trees, folder)
    root = trees.root
    refuses(folder, "dtd", root, lambda r: [p.unlink() for p in (r / "dtd" / "val" / "dotted").iterdir()], "no images of class dotted")
    refuses(folder, "mnist", root, lambda r: (r / "MNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x08\3\0\0\0\1"), "not an idx file", "t10k-images")
    evil = b"cos\nsystem\n(S'touch evil'\ntR."
    refuses(folder, "cifar100", root, lambda r: (r / "cifar-100-python" / "train").write_bytes(evil), "names os.system", "not read")
    refuses(folder, "svhn", root, lambda r: (r / "svhn" / "test_32x32.mat").unlink(), "test_32x32.mat: no such file")


main()
