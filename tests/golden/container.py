"""Safetensors files in a page: 8-byte header length, JSON header, raw little-endian data.

NumPy has no bfloat16: BF16 is written from float32 arrays (rounded to even) and read as float32.
"""
import json
import math

import numpy as np

TYPES = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"),
         "BF16": np.dtype("<u2"), "I64": np.dtype("<i8")}


def kind_of(x):
    return next(kind for kind, dtype in TYPES.items() if dtype == x.dtype and kind != "BF16")


def create(path, entries, metadata=None):
    """Opens a file of entries name -> (kind, shape) with its header written; the encoded tensors
    follow in that order."""
    header, offset = {"__metadata__": metadata or {}}, 0
    for name, (kind, shape) in entries.items():
        size = math.prod(shape) * TYPES[kind].itemsize
        header[name] = {"dtype": kind, "shape": list(shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file = open(path, "wb")
    file.write(len(text).to_bytes(8, "little") + text)
    return file


def encode(x, kind):
    """The array as a contiguous one whose bytes go into a file."""
    if kind == "BF16":
        bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.ascontiguousarray(x, dtype=TYPES[kind])


def save(path, tensors, metadata=None, kind=None):
    """kind: stored type of the floating tensors; that of each array if not given."""
    kinds = {n: kind if kind and x.dtype.kind == "f" else kind_of(x) for n, x in tensors.items()}
    with create(path, {n: (kinds[n], x.shape) for n, x in tensors.items()}, metadata) as file:
        for name, x in tensors.items():
            file.write(encode(x, kinds[name]).tobytes())


def load(path):
    """(tensors, metadata); the tensors are views of one array of the file's bytes."""
    data = np.fromfile(path, dtype=np.uint8)
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        x = data[start + begin:start + end].view(TYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            x = (x.astype(np.uint32) << np.uint32(16)).view(np.float32)
        tensors[name] = x.reshape(entry["shape"])
    return tensors, metadata
