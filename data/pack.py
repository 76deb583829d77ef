"""Writes and reads packed datasets (ISOPACK1); data/README.md documents the bytes."""

import json
import os
from pathlib import Path

import numpy as np
import xxhash

MAGIC = b"ISOPACK1"
ALIGNMENT = 64
PROVENANCE_KEYS = ("source", "licence", "description")


def _round_up(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT


def write_pack(path, name, classes, images, labels, splits, provenance):
    """Writes one pack atomically.

    images      uint8 [count, channels, height, width], channels 1 or 3
    labels      integers [count], each < len(classes)
    splits      name -> (begin, end), half open, not overlapping
    provenance  strings, at least source, licence, description
    """
    images = np.ascontiguousarray(images, dtype=np.uint8)
    labels = np.asarray(labels)
    count, channels, height, width = images.shape
    if channels not in (1, 3):
        raise ValueError(f"{name}: {channels} channels, a pack holds 1 or 3")
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{name}: labels do not fit {count} images and {len(classes)} classes")
    end_before = 0
    for split, (begin, end) in sorted(splits.items(), key=lambda item: item[1]):
        if not end_before <= begin < end <= count:
            raise ValueError(f"{name}: split {split} [{begin}, {end}) is empty, overlaps another or leaves [0, {count})")
        end_before = end
    for key in PROVENANCE_KEYS:
        if not isinstance(provenance.get(key), str):
            raise ValueError(f"{name}: provenance lacks the string {key}")

    image_bytes, label_bytes = images.tobytes(), labels.astype("<u2").tobytes()
    gap = _round_up(len(image_bytes)) - len(image_bytes)
    payload = image_bytes + b"\0" * gap + label_bytes

    header = {
        "name": name,
        "classes": list(classes),
        "count": count,
        "channels": channels,
        "height": height,
        "width": width,
        "splits": {split: [int(begin), int(end)] for split, (begin, end) in splits.items()},
        "images": {"offset": 0, "bytes": len(image_bytes)},
        "labels": {"offset": 0, "bytes": len(label_bytes)},
        "checksum": xxhash.xxh3_128_hexdigest(payload),
        "provenance": provenance,
    }
    # The header holds absolute offsets, and these depend on the header's length: repeat until it is stable.
    start, text = 0, b""
    while True:
        header["images"]["offset"] = start
        header["labels"]["offset"] = start + len(image_bytes) + gap
        text = json.dumps(header, ensure_ascii=False).encode("utf-8")
        needed = _round_up(16 + len(text))
        if needed <= start:
            break
        start = needed
    text = text.ljust(start - 16)

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text + payload)
    os.replace(temporary, path)


def read_pack(path):
    """Returns (header, images [count, channels, height, width], labels [count]) after checking the checksum."""
    data = Path(path).read_bytes()
    if data[:8] != MAGIC:
        raise ValueError(f"{path}: not a packed dataset (magic {data[:8]!r}, expected {MAGIC!r})")
    start = 16 + int.from_bytes(data[8:16], "little")
    header = json.loads(data[16:start])
    if xxhash.xxh3_128_hexdigest(data[start:]) != header["checksum"]:
        raise ValueError(f"{path}: the payload does not match the checksum in the header")
    shape = (header["count"], header["channels"], header["height"], header["width"])
    images = np.frombuffer(data, np.uint8, header["images"]["bytes"], header["images"]["offset"]).reshape(shape)
    labels = np.frombuffer(data, "<u2", header["count"], header["labels"]["offset"])
    return header, images, labels


def read_split(path, split):
    """Returns (classes, images, labels) of one split."""
    header, images, labels = read_pack(path)
    begin, end = header["splits"][split]
    return header["classes"], images[begin:end], labels[begin:end]
