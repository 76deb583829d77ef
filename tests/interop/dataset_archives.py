"""The twenty vision datasets as small archives in their authors' formats.

    dataset_archives.py FOLDER NAME...        makes the named ones, and FOLDER/labels.json: {name: [labels of train, labels of test]}

Every image is of one colour that says which it is, so that label and order can be checked in what comes out.
"""
import gzip
import io
import json
import pathlib
import pickle
import sys

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import scipy.io
from dataset_colours import colour
from PIL import Image

TRAIN, TEST = 40, 12  # images of each dataset; validation: 4 of the 40


def picture(split, i, side=20):
    return Image.new("RGB", (side + i % 3, side), colour(split, i))


def save_image(path, split, i):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(split, i).save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))


def array(split, count, side, channels=3):
    pixels = [colour(split, i)[:channels] for i in range(count)]
    return np.broadcast_to(np.array(pixels, np.uint8)[:, :, None, None], (count, channels, side, side)).copy()


class Trees:
    """Makes one dataset each below a folder; returns (labels of train, labels of test) in the order of the published lists."""

    def __init__(self, root):
        self.root = root

    def class_folders(self, folder, split, count, classes, suffix):
        """Files sorted by class then name are numbered in that order."""
        per = count // len(classes)
        for i in range(count):
            save_image(folder / classes[i // per] / f"{i:04d}{suffix}", split, i)
        return [i // per for i in range(count)]

    def cars(self):
        folder = self.root / "stanford_cars"
        labels = {}
        for split, count, place in (("train", TRAIN, folder / "devkit" / "cars_train_annos.mat"), ("test", TEST, folder / "cars_test_annos_withlabels.mat")):
            labels[split] = [i % 4 for i in range(count)]
            place.parent.mkdir(parents=True, exist_ok=True)
            rows = np.array([(f"{i + 1:05d}.jpg", label + 1) for i, label in enumerate(labels[split])], dtype=[("fname", "O"), ("class", "O")])
            scipy.io.savemat(place, {"annotations": rows})
            for i in range(count):
                save_image(folder / f"cars_{split}" / f"{i + 1:05d}.jpg", split, i)
        scipy.io.savemat(folder / "devkit" / "cars_meta.mat", {"class_names": np.array(["AM General Hummer", "Acura", "BMW", "Fiat 500"], dtype=object)})
        return labels["train"], labels["test"]

    def dtd(self):
        return (self.class_folders(self.root / "dtd" / "train", "train", TRAIN, ["banded", "dotted"], ".jpg"),
                self.class_folders(self.root / "dtd" / "val", "test", TEST, ["banded", "dotted"], ".jpg"))

    def eurosat(self):
        folder = self.root / "EuroSAT_splits"
        return (self.class_folders(folder / "val", "train", 4, ["Forest", "River"], ".jpg"), self.class_folders(folder / "test", "test", TEST, ["Forest", "River"], ".jpg"))

    def gtsrb(self):
        folder = self.root / "gtsrb"
        train = self.class_folders(folder / "GTSRB" / "Training", "train", TRAIN, ["00000", "00001"], ".ppm")
        test = [i % 2 for i in range(TEST)]
        rows = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
        for i, label in enumerate(test):
            save_image(folder / "GTSRB" / "Final_Test" / "Images" / f"{i:05d}.ppm", "test", i)
            rows.append(f"{i:05d}.ppm;20;20;1;1;9;9;{label}")
        (folder / "GT-final_test.csv").write_text("\n".join(rows) + "\n")
        return train, test

    def idx(self, folder, train, test, packed=False):
        folder.mkdir(parents=True)
        labels = []
        for split, count, name in (("train", TRAIN, train), ("test", TEST, test)):
            images, found = array(split, count, 28, 1)[:, 0], np.arange(count, dtype=np.uint8) % 10
            labels.append(found)
            for data, kind, rank in ((images, "images", 3), (found, "labels", 1)):
                content = bytes([0, 0, 8, rank]) + b"".join(n.to_bytes(4, "big") for n in data.shape) + data.tobytes()
                path = folder / f"{name}-{kind}-idx{rank}-ubyte"
                if packed:
                    path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
                else:
                    path.write_bytes(content)
        return labels

    def mnist(self):
        return self.idx(self.root / "MNIST" / "raw", "train", "t10k")

    def fashion_mnist(self):
        return self.idx(self.root / "FashionMNIST" / "raw", "train", "t10k", packed=True)

    def emnist(self):
        return self.idx(self.root / "EMNIST" / "EMNIST" / "raw", "emnist-digits-train", "emnist-digits-test")

    def kmnist(self):
        return self.idx(self.root / "KMNIST" / "raw", "train", "t10k")

    def resisc45(self):
        folder = self.root / "resisc45"
        names = {"train": [], "test": []}
        for split, count in (("train", TRAIN), ("test", TEST)):
            for i in range(count):
                kind = ["airport", "beach"][i // (count // 2)]
                save_image(folder / "NWPU-RESISC45" / kind / f"{kind}_{split}{i:03d}.jpg", split, i)
                names[split].append(f"{kind}_{split}{i:03d}.jpg")
        for split, found in names.items():
            (folder / f"resisc45-{split}.txt").write_text("\n".join(reversed(found)) + "\n")
        return [i // (TRAIN // 2) for i in range(TRAIN)], [i // (TEST // 2) for i in range(TEST)]

    def svhn(self):
        labels = []
        (self.root / "svhn").mkdir()
        for split, count in (("train", TRAIN), ("test", TEST)):
            found = np.arange(count) % 10
            scipy.io.savemat(self.root / "svhn" / f"{split}_32x32.mat", {"X": array(split, count, 32).transpose(2, 3, 1, 0), "y": np.where(found == 0, 10, found)[:, None]})
            labels.append(found)
        return labels

    def sun397(self):
        return (self.class_folders(self.root / "sun397" / "train", "train", TRAIN, ["a_abbey", "b_barn"], ".jpg"),
                self.class_folders(self.root / "sun397" / "val", "test", TEST, ["a_abbey", "b_barn"], ".jpg"))

    def stl10(self):
        folder, labels = self.root / "stl10" / "stl10_binary", []
        folder.mkdir(parents=True)
        for split, count in (("train", TRAIN), ("test", TEST)):
            found = np.arange(count) % 10
            images = array(split, count, 96)
            images[:, :, 0, 1] = 255  # row 0, column 1
            images.transpose(0, 1, 3, 2).tofile(folder / f"{split}_X.bin")
            (found + 1).astype(np.uint8).tofile(folder / f"{split}_y.bin")
            labels.append(found)
        (folder / "class_names.txt").write_text("\n".join(f"kind{i}" for i in range(10)) + "\n")
        return labels

    def pets(self):
        folder, labels = self.root / "OxfordIIITPet" / "oxford-iiit-pet", []
        (folder / "annotations").mkdir(parents=True)
        for split, count, name in (("train", TRAIN, "trainval"), ("test", TEST, "test")):
            found = [i % 2 for i in range(count)]
            rows = []
            for i, label in enumerate(found):
                image = f"{['Abyssinian', 'yorkshire_terrier'][label]}_{split}{i}"
                save_image(folder / "images" / f"{image}.jpg", split, i)
                rows.append(f"{image} {label + 1} 1 1")
            (folder / "annotations" / f"{name}.txt").write_text("\n".join(rows) + "\n")
            labels.append(found)
        return labels

    def flowers102(self):
        folder = self.root / "flowers-102"
        for i in range(TRAIN + TEST):  # the published order of the parts is mixed
            split, number = ("test", i) if i < TEST else ("train", i - TEST)
            save_image(folder / "jpg" / f"image_{i + 1:05d}.jpg", split, number)
        labels = np.concatenate([np.arange(TEST) % 3, np.arange(TRAIN) % 3])
        scipy.io.savemat(folder / "imagelabels.mat", {"labels": labels[None] + 1})
        scipy.io.savemat(folder / "setid.mat", {"tstid": np.arange(TEST)[None] + 1, "trnid": np.arange(TEST, TEST + TRAIN)[None] + 1, "valid": np.array([[1]])})
        return labels[TEST:], labels[:TEST]

    def cifar(self, folder, parts, key, meta, meta_key):
        folder.mkdir(parents=True)
        out = []
        for split, names, count in (("train", parts[:-1], TRAIN), ("test", parts[-1:], TEST)):
            images, found = array(split, count, 32).reshape(count, -1), [i % 4 for i in range(count)]
            per = count // len(names)
            for n, name in enumerate(names):
                (folder / name).write_bytes(pickle.dumps({"data": images[n * per:(n + 1) * per], key: found[n * per:(n + 1) * per]}, protocol=2))
            out.append(found)
        (folder / meta).write_bytes(pickle.dumps({meta_key: ["w", "x", "y", "z"]}, protocol=2))
        return out

    def cifar10(self):
        return self.cifar(self.root / "CIFAR10" / "cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], "labels", "batches.meta", "label_names")

    def cifar100(self):
        return self.cifar(self.root / "cifar-100-python", ["train", "test"], "fine_labels", "meta", "fine_label_names")

    def pcam(self):
        folder, labels = self.root / "PCAM" / "pcam", []
        folder.mkdir(parents=True)
        for split, count in (("train", TRAIN), ("test", TEST)):
            found = np.arange(count) % 2
            with h5py.File(folder / f"camelyonpatch_level_2_split_{split}_x.h5", "w") as file:
                file["x"] = array(split, count, 96).transpose(0, 2, 3, 1)
            with h5py.File(folder / f"camelyonpatch_level_2_split_{split}_y.h5", "w") as file:
                file["y"] = found.reshape(-1, 1, 1, 1)
            labels.append(found)
        return labels

    def fer2013(self):
        (self.root / "fer2013").mkdir()
        labels = []
        for split, count in (("train", TRAIN), ("test", TEST)):
            contents = []
            for i in range(count):
                file = io.BytesIO()
                picture(split, i).save(file, "PNG")
                contents.append(file.getvalue())
            labels.append([i % 7 for i in range(count)])
            pyarrow.parquet.write_table(pyarrow.table({"img_bytes": contents, "labels": labels[-1]}), self.root / "fer2013" / f"{split}.parquet")
        return labels

    def food101(self):
        folder, labels = self.root / "food-101", {}
        (folder / "meta").mkdir(parents=True)
        for split, count in (("train", TRAIN), ("test", TEST)):
            names = {"waffles": [], "apple_pie": []}  # not sorted: the reader has to
            for i in range(count):
                kind = ["apple_pie", "waffles"][i // (count // 2)]
                save_image(folder / "images" / kind / f"{split}{i}.jpg", split, i)
                names[kind].append(f"{kind}/{split}{i}")
            (folder / "meta" / f"{split}.json").write_text(json.dumps(names))
            labels[split] = [i // (count // 2) for i in range(count)]
        return labels["train"], labels["test"]

    def rendered_sst2(self):
        folder = self.root / "RenderedSST2" / "rendered-sst2"
        return (self.class_folders(folder / "train", "train", TRAIN, ["negative", "positive"], ".png"),
                self.class_folders(folder / "test", "test", TEST, ["negative", "positive"], ".png"))


def main():
    root, *names = sys.argv[1:]
    trees = Trees(pathlib.Path(root))
    trees.root.mkdir()
    labels = {name: [[int(label) for label in part] for part in getattr(trees, name)()] for name in names}
    (trees.root / "labels.json").write_text(json.dumps(labels))


if __name__ == "__main__":
    main()
