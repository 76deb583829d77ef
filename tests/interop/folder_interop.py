"""Sharded folders go from the safetensors library through isomerge and back to it. Run by folder_test.sh."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

isomerge, folder = sys.argv[1], Path(sys.argv[2])
generator = np.random.default_rng(1)
model = {f"layer.{i}.weight": generator.standard_normal((16, 8)).astype(np.float32) for i in range(6)}
model |= {"half": generator.standard_normal(5).astype(np.float16), "ids": np.arange(7, dtype=np.int64), "mask": np.array([True, False]),
          "scalar": np.array(2.5, dtype=np.float32), "odd name/é \"x\"": np.arange(3, dtype=np.uint8)}  # fmt: skip

source = folder / "hub"
source.mkdir()
names, weight_map = sorted(model), {}
for number in range(3):
    file = f"model-{number + 1:05d}-of-00003.safetensors"
    shard = {name: model[name] for name in names[number::3]}
    save_file(shard, source / file, metadata={"format": "pt"})
    weight_map |= dict.fromkeys(shard, file)
(source / "model.safetensors.index.json").write_text(
    json.dumps({"metadata": {"total_size": sum(value.nbytes for value in model.values())}, "weight_map": weight_map}))  # fmt: skip
(source / "config.json").write_text('{"model_type": "clip"}')


def same(got):
    assert got.keys() == model.keys(), got.keys() ^ model.keys()
    for name, value in model.items():
        assert got[name].dtype == value.dtype and got[name].shape == value.shape and got[name].tobytes() == value.tobytes(), name


def convert(*words):
    subprocess.run([isomerge, "convert", "--quiet", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


convert(source, folder / "one.safetensors")
same(load_file(folder / "one.safetensors"))
convert(source / "model.safetensors.index.json", f"{folder}/ours/", "--shard-size", "1KB")
index = json.loads((folder / "ours/model.safetensors.index.json").read_text())
files = sorted(set(index["weight_map"].values()))
assert len(files) > 2 and all(file.endswith(f"-of-{len(files):05d}.safetensors") for file in files), files
assert index["metadata"]["total_size"] == sum(value.nbytes for value in model.values())
back = {}
for file in files:
    shard = load_file(folder / "ours" / file)
    assert all(index["weight_map"][name] == file for name in shard), file
    assert sum(value.nbytes for value in shard.values()) <= 1000, file
    with safe_open(folder / "ours" / file, "numpy") as opened:
        assert opened.metadata()["format"] == "pt"
    back |= shard
same(back)
assert (folder / "ours/config.json").read_text() == '{"model_type": "clip"}'
subprocess.run([isomerge, "inspect", folder / "ours", "--against", source], check=True, stdout=subprocess.DEVNULL)
print(f"folder: {len(model)} tensors in {len(files)} shards went through isomerge and the library")
