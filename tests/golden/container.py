"""Safetensors files in fifteen lines: 8-byte header length, JSON header, raw little-endian data."""
import json
import pathlib

import numpy as np

TYPES = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8")}


def save(path, tensors, metadata=None):
    header, offset = {"__metadata__": metadata or {}}, 0
    for name, x in tensors.items():
        kind = next(k for k, dtype in TYPES.items() if dtype == x.dtype)
        header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [offset, offset + x.nbytes]}
        offset += x.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for x in tensors.values():
            file.write(np.ascontiguousarray(x).tobytes())


def load(path):
    """(tensors, metadata)."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    metadata, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        x = np.frombuffer(data[start + begin:start + end], TYPES[entry["dtype"]])
        tensors[name] = x.reshape(entry["shape"])
    return tensors, metadata
