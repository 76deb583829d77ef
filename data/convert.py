"""Makes what isomerge evaluates on from a vision dataset as its authors publish it (README.md, "Published datasets").

    .venv/bin/python data/convert.py cars ~/data --out data/vision          one of them, or several
    .venv/bin/python data/convert.py all ~/data --out data/vision           those that are there; the others are listed
    .venv/bin/python data/convert.py --list                                 what each one needs

Image files stay where they are: OUT/<name>.images.json lists them with label and content hash. Datasets that come as arrays become
OUT/<name>.pack. Both have the splits `val` and `test`; val is the last tenth (5000 images at most) of a permutation of the training images,
as the task-vector code draws it (torch.randperm with seed 0), EuroSAT's its own folder. Exit code 1 if one of several could not be made.
"""

import argparse
import csv
import gzip
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import xxhash
from files import Missing, require, why
from pack import write_pack

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # as torchvision's ImageFolder takes them


# ---- what all have in common

def validation_part(count):
    """Positions of the training images that are held out."""
    held_out = min(count // 10, 5000)
    order, draws = list(range(count)), np.random.RandomState(0)._bit_generator.random_raw(max(count - 1, 0))
    for i, draw in enumerate(draws):
        j = i + int(draw) % (count - i)
        order[i], order[j] = order[j], order[i]
    return order[count - held_out:]


def place(root, name, *outer):
    """The folder of a dataset: at the top, or within a folder of its own as some trees have it."""
    return next((path for path in (*(root / folder / name for folder in outer), root / name) if path.is_dir()), root / name)


def folder_images(folder, keep=lambda path: True, of=None):
    """(path, label) of every image below one folder per class, both sorted; class names, which have to be those of another part if `of` gives them."""
    classes = sorted(entry.name for entry in require(folder).iterdir() if entry.is_dir())
    if of is not None and classes and classes != of:  # labels count the folders: one fewer would shift them all
        absent, extra = (", ".join(sorted(a - b)) or "none" for a, b in ((set(of), set(classes)), (set(classes), set(of))))
        raise Missing(f"{folder}: expected the {len(of)} classes of the other part, found {len(classes)}: without {absent}; unknown there: {extra}")
    found = []
    for label, name in enumerate(classes):
        files = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES and keep(path))
        if not files:
            raise Missing(f"{folder / name}: no images of class {name}")
        found += [(path, label) for path in files]
    if not classes:
        raise Missing(f"{folder}: no folder of a class")
    return found, classes


class Files:
    """A dataset of image files: (path, label) of training and of test images, and perhaps of a validation part of its own."""

    def __init__(self, classes, train, test, val=None):
        self.classes, self.test = list(classes), list(test)
        self.val = list(val) if val is not None else [train[i] for i in validation_part(len(train))]

    def write(self, name, root, out):
        seen = {label for _, label in self.test}
        absent = [c for i, c in enumerate(self.classes) if i not in seen]
        if absent:
            raise Missing(f"{name}: no test image of class {', '.join(map(str, absent[:5]))}{' ...' if len(absent) > 5 else ''}")
        splits = {split: [[os.path.relpath(require(path), root), int(label), hash_of(path)] for path, label in examples]
                  for split, examples in (("val", self.val), ("test", self.test)) if examples}
        content = {"format": "isomerge image list 1", "name": name, "classes": [str(c) for c in self.classes],
                   "folder": os.path.relpath(root, out), "splits": splits}
        save(out / f"{name}.images.json", json.dumps(content, ensure_ascii=False).replace("], [", "],\n["))
        return {split: len(examples) for split, examples in splits.items()}


def held_out(images, labels):
    """The validation part of training images [n, channels, height, width]."""
    positions = validation_part(len(labels))
    return images[positions], np.asarray(labels)[positions]


class Arrays:
    """A dataset of arrays: (images [n, channels, height, width], labels) of the validation and of the test part."""

    def __init__(self, classes, val, test):
        self.classes, self.val, self.test = list(classes), val, test

    def write(self, name, root, out):
        images, labels = (np.concatenate(parts) for parts in zip(self.val, self.test))
        val = len(self.val[1])
        splits = {"val": (0, val)} if val else {}
        splits["test"] = (val, len(labels))
        write_pack(out / f"{name}.pack", name, [str(c) for c in self.classes], images, labels, splits,
                   {"source": f"{name}, as published", "licence": "as the source", "description": "data/convert.py"})
        return {split: end - begin for split, (begin, end) in splits.items()}


def hash_of(path):
    return xxhash.xxh3_128_hexdigest(path.read_bytes())


def save(path, text):
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def lines(path):
    return [line for line in require(path).read_text().splitlines() if line.strip()]


def mat(path):
    from scipy.io import loadmat
    return loadmat(require(path), squeeze_me=True)


class PlainUnpickler(pickle.Unpickler):
    """Arrays, numbers, texts and containers; anything else a pickle names is refused."""

    ALLOWED = {("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"),
               ("_codecs", "encode")}

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED:
            return super().find_class(module, name)
        raise Missing(f"its pickle names {module}.{name}, which no dataset needs: not read")


def unpickle(path):
    try:
        with open(require(path), "rb") as file:
            return PlainUnpickler(file, encoding="latin1").load()
    except Missing as fault:
        raise Missing(f"{path}: {fault}") from None


def idx(path):
    """The array of an idx file, plain or as .gz."""
    packed = path.with_name(path.name + ".gz")
    data = path.read_bytes() if path.exists() else gzip.decompress(require(packed).read_bytes())
    rank = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    shape = np.frombuffer(data, ">i4", rank, 4) if len(data) >= 4 + 4 * rank else []
    if not rank or len(shape) != rank or len(data) != 4 + 4 * rank + int(np.prod(shape)):
        raise Missing(f"{path}: not an idx file of bytes, or cut off")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def idx_dataset(folder, classes, prefix=""):
    def part(which):
        return idx(folder / f"{prefix}{which}-images-idx3-ubyte")[:, None], idx(folder / f"{prefix}{which}-labels-idx1-ubyte")
    return Arrays(classes, held_out(*part("train")), part("test" if prefix else "t10k"))


# ---- the twenty, in the order of the suites

def cars(root):
    folder = root / "stanford_cars"

    def part(annotations, images):
        rows = np.atleast_1d(mat(annotations)["annotations"])
        return [(folder / images / str(row["fname"]), int(row["class"]) - 1) for row in rows]
    return Files(mat(folder / "devkit" / "cars_meta.mat")["class_names"], part(folder / "devkit" / "cars_train_annos.mat", "cars_train"),
                 part(folder / "cars_test_annos_withlabels.mat", "cars_test"))


def dtd(root):
    folder = root / "dtd"
    if (folder / "train").is_dir():  # the folders of the task-vector code: val/ is the test set
        train, classes = folder_images(folder / "train")
        return Files(classes, train, folder_images(folder / "val", of=classes)[0])
    classes = sorted(entry.name for entry in require(folder / "images").iterdir() if entry.is_dir())

    def part(*lists):  # the first of the ten divisions
        names = sorted(name for part in lists for name in lines(folder / "labels" / f"{part}1.txt"))
        return [(folder / "images" / name, classes.index(name.split("/")[0])) for name in names]
    return Files(classes, part("train", "val"), part("test"))


def eurosat(root):
    folder = root / "EuroSAT_splits"
    test, classes = folder_images(folder / "test")
    return Files(classes, [], test, val=folder_images(folder / "val", of=classes)[0])


def gtsrb(root):
    folder = root / "gtsrb"
    train, classes = folder_images(folder / "GTSRB" / "Training")
    with open(require(folder / "GT-final_test.csv"), newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return Files(classes, train, [(folder / "GTSRB" / "Final_Test" / "Images" / row["Filename"], int(row["ClassId"])) for row in rows])


def mnist(root):
    return idx_dataset(place(root, "MNIST", "MNIST") / "raw", range(10))


def resisc45(root):
    folder = root / "resisc45"

    def part(which):
        names = set(lines(folder / f"resisc45-{which}.txt"))
        return folder_images(folder / "NWPU-RESISC45", lambda path: path.name in names)
    train, classes = part("train")
    return Files(classes, train, part("test")[0])


def svhn(root):
    def part(which):
        found = mat(root / "svhn" / f"{which}_32x32.mat")
        return found["X"].transpose(3, 2, 0, 1), np.atleast_1d(found["y"]).astype(np.int64) % 10  # 10 means zero
    return Arrays(range(10), held_out(*part("train")), part("test"))


def sun397(root):
    train, classes = folder_images(root / "sun397" / "train")
    return Files(classes, train, folder_images(root / "sun397" / "val", of=classes)[0])


def stl10(root):
    folder = place(root, "stl10_binary", "stl10")

    def part(which):
        images = np.fromfile(require(folder / f"{which}_X.bin"), np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)  # column by column
        return images, np.fromfile(require(folder / f"{which}_y.bin"), np.uint8).astype(np.int64) - 1
    return Arrays(lines(folder / "class_names.txt"), held_out(*part("train")), part("test"))


def pets(root):
    folder = place(root, "oxford-iiit-pet", "OxfordIIITPet")

    def part(which):
        return [line.split() for line in lines(folder / "annotations" / f"{which}.txt")]

    def images(rows):
        return [(folder / "images" / f"{row[0]}.jpg", int(row[1]) - 1) for row in rows]
    train, test = part("trainval"), part("test")
    names = {int(row[1]): row[0].rsplit("_", 1)[0].replace("_", " ") for row in train}
    return Files([names[i] for i in sorted(names)], images(train), images(test))


def flowers102(root):
    folder = place(root, "flowers-102", "flowers102")
    labels, sets = mat(folder / "imagelabels.mat")["labels"], mat(folder / "setid.mat")

    def part(key):
        return [(folder / "jpg" / f"image_{i:05d}.jpg", int(labels[i - 1]) - 1) for i in np.atleast_1d(sets[key])]
    return Files(range(1, int(max(labels)) + 1), part("trnid"), part("tstid"))


def cifar(folder, train_files, test_file, labels_key, names):
    def part(files):
        batches = [unpickle(folder / name) for name in files]
        images = np.concatenate([np.asarray(batch["data"], np.uint8) for batch in batches]).reshape(-1, 3, 32, 32)
        return images, np.concatenate([batch[labels_key] for batch in batches])
    return Arrays(names(), held_out(*part(train_files)), part([test_file]))


def cifar100(root):
    folder = place(root, "cifar-100-python", "CIFAR100")
    return cifar(folder, ["train"], "test", "fine_labels", lambda: unpickle(folder / "meta")["fine_label_names"])


def cifar10(root):
    folder = place(root, "cifar-10-batches-py", "CIFAR10")
    return cifar(folder, [f"data_batch_{i}" for i in range(1, 6)], "test_batch", "labels", lambda: unpickle(folder / "batches.meta")["label_names"])


def pcam(root):
    import h5py
    folder = place(root, "pcam", "PCAM")

    def part(which, choose):
        start = f"camelyonpatch_level_2_split_{which}"
        with h5py.File(require(folder / f"{start}_x.h5")) as x, h5py.File(require(folder / f"{start}_y.h5")) as y:
            labels = y["y"][:].reshape(-1).astype(np.int64)
            positions = np.sort(choose(len(labels)))  # h5py wants them ascending; the order within a part does not matter
            return x["x"][positions].transpose(0, 3, 1, 2), labels[positions]
    return Arrays(["no metastatic tissue", "metastatic tissue"], part("train", validation_part), part("test", np.arange))


def fer2013(root):
    import pyarrow.parquet
    folder = root / "fer2013"

    def part(which):
        table = pyarrow.parquet.read_table(require(folder / f"{which}.parquet")).to_pydict()
        made = folder / which
        made.mkdir(exist_ok=True)
        examples = []
        for i, (content, label) in enumerate(zip(table["img_bytes"], table["labels"])):
            path = made / f"{i:05d}.png"
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)
            examples.append((path, classes.index(label) if isinstance(label, str) else int(label)))
        return examples
    classes = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
    return Files(classes, part("train"), part("test"))


def food101(root):
    folder = place(root, "food-101", "Food101")

    def part(which):
        found = json.loads(require(folder / "meta" / f"{which}.json").read_text())
        return [(folder / "images" / f"{name}.jpg", label) for label, kind in enumerate(sorted(found)) for name in found[kind]]
    classes = sorted(json.loads(require(folder / "meta" / "train.json").read_text()))
    return Files(classes, part("train"), part("test"))


def fashion_mnist(root):
    return idx_dataset(place(root, "FashionMNIST", "FashionMNIST") / "raw",
                       ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"])


def rendered_sst2(root):
    folder = place(root, "rendered-sst2", "RenderedSST2")
    train, classes = folder_images(folder / "train")
    return Files(classes, train, folder_images(folder / "test", of=classes)[0])


def emnist(root):  # the images lie on their side, and stay so: that is what the experts were trained on
    return idx_dataset(place(root, "EMNIST", "EMNIST") / "raw", range(10), prefix="emnist-digits-")


def kmnist(root):
    return idx_dataset(place(root, "KMNIST", "KMNIST") / "raw", ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"])


DATASETS = {  # name -> (what makes it, what it needs below the root)
    "cars": (cars, "stanford_cars/{devkit/cars_meta.mat, devkit/cars_train_annos.mat, cars_test_annos_withlabels.mat, cars_train/, cars_test/}"),
    "dtd": (dtd, "dtd/{train,val}/CLASS/ (val is the test set), or dtd/{images/, labels/} as published"),
    "eurosat": (eurosat, "EuroSAT_splits/{val,test}/CLASS/"),
    "gtsrb": (gtsrb, "gtsrb/{GTSRB/Training/, GTSRB/Final_Test/Images/, GT-final_test.csv}"),
    "mnist": (mnist, "MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]"),
    "resisc45": (resisc45, "resisc45/{NWPU-RESISC45/CLASS/, resisc45-train.txt, resisc45-test.txt}"),
    "svhn": (svhn, "svhn/{train,test}_32x32.mat"),
    "sun397": (sun397, "sun397/{train,val}/CLASS/ (val is the test set)"),
    "stl10": (stl10, "stl10_binary/{train,test}_{X,y}.bin, class_names.txt"),
    "pets": (pets, "oxford-iiit-pet/{annotations/trainval.txt, annotations/test.txt, images/}"),
    "flowers102": (flowers102, "flowers-102/{imagelabels.mat, setid.mat, jpg/}"),
    "cifar100": (cifar100, "cifar-100-python/{train, test, meta}"),
    "pcam": (pcam, "pcam/camelyonpatch_level_2_split_{train,test}_{x,y}.h5"),
    "fer2013": (fer2013, "fer2013/{train,test}.parquet (columns img_bytes, labels)"),
    "cifar10": (cifar10, "cifar-10-batches-py/{data_batch_1 to 5, test_batch, batches.meta}"),
    "food101": (food101, "food-101/{meta/train.json, meta/test.json, images/}"),
    "fashion_mnist": (fashion_mnist, "FashionMNIST/raw/, as MNIST"),
    "rendered_sst2": (rendered_sst2, "rendered-sst2/{train,test}/CLASS/"),
    "emnist": (emnist, "EMNIST/raw/emnist-digits-{train,test}-{images-idx3,labels-idx1}-ubyte[.gz]"),
    "kmnist": (kmnist, "KMNIST/raw/, as MNIST"),
}


def convert(name, root, out):
    """True if it was made; prints what became of it."""
    try:
        sizes = DATASETS[name][0](root).write(name, root, out)
    except (Missing, KeyError, ValueError, ImportError, OSError) as fault:
        print(f"{name}: not made: {why(fault)}", file=sys.stderr)
        return False
    print(f"{name}: " + ", ".join(f"{size} {split}" for split, size in sizes.items()))
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="NAME ... ROOT",
                        help="names or all, then the folder they are in, as torchvision and the task-vector code lay it out")
    parser.add_argument("--out", type=Path, default=Path("data/vision"))
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        print("\n".join(f"{name:<14} {needs}" for name, (_, needs) in DATASETS.items()))
        return 0
    if len(args.datasets) < 2:
        parser.error("expected names of datasets, then the folder they are in")
    *names, root = args.datasets
    unknown = [name for name in names if name not in DATASETS and name != "all"]
    if unknown:
        parser.error(f"no dataset {', '.join(unknown)}; there are {', '.join(DATASETS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    made = [convert(name, Path(root).expanduser().resolve(), args.out.resolve()) for name in (DATASETS if "all" in names else names)]
    return 0 if all(made) else 1


if __name__ == "__main__":
    sys.exit(main())
