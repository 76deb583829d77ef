"""Fine-tunes one expert per task from the base (all parameters, head frozen) and writes everything that ships.

`finetune.py` trains all tasks that have a pack, `finetune.py fashion greek` only these; two such processes may run side by side.

vit/encoder.pt             TorchScript module; holds the base's weights too
vit/base.safetensors       fp16
vit/experts/*.safetensors  fp16, same names and shapes
vit/heads.safetensors      fp32, one tensor [classes, e] for each of the twenty tasks
MANIFEST.json              how each was trained and how well it does
../../experiments/suites/mini_vision.json
"""

import io
import json
import os
import sys
from pathlib import Path

import torch
from encoder import MEAN, STD, Encoder, normalise
from pretrain import DATA, load
from safetensors.torch import save
from training import accuracy, train

sys.path.insert(0, str(DATA / "mini"))
from tasks import TASKS  # noqa: E402

HERE = Path(__file__).parent
VIT = HERE / "vit"
SUITE = HERE.parent.parent / "experiments" / "suites" / "mini_vision.json"
SEED, RATE, WARMUP, BATCH = 2, 3e-4, 100, 64
SAMPLES = 40000  # images seen by one expert: epochs = SAMPLES / size of its training set


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def script(encoder, path):
    """Saves the TorchScript module, after checking that it computes what the Python module computes."""
    encoder.eval()
    scripted = torch.jit.script(encoder)
    images = normalise(torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        if not torch.allclose(scripted(images), encoder(images), atol=1e-6):
            raise RuntimeError("the scripted encoder differs from the Python one")
    full, bare = io.BytesIO(), io.BytesIO()
    torch.jit.save(scripted, full)
    # Copied record by record without the debug records, which name the folders of this machine.
    reader, writer = torch._C.PyTorchFileReader(io.BytesIO(full.getvalue())), torch._C.PyTorchFileWriter(bare)
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in ("version", "byteorder", ".data/serialization_id"):
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    write(path, bare.getvalue())


def suite_text(tasks):
    """The suite file, written by hand-made formatting so that each task stays on one line."""
    lines = [
        f'    {{"name": "{task.name}", "title": "{task.title}",\n     "expert": "../../models/mini/vit/experts/{task.name}.safetensors",'
        f' "data": "../../data/mini/vision/{task.name}.pack"}}'
        for task in tasks
    ]
    return f"""// The mini vision suite: small, real, trained; rebuilt by `make -C data/mini` and `make -C models/mini`.
// The order of the tasks is fixed: a suite of T tasks is the first T.
{{
  "title": "Mini vision suite",
  "encoder": "../../models/mini/vit/encoder.pt",
  "base": "../../models/mini/vit/base.safetensors",
  "heads": "../../models/mini/vit/heads.safetensors",
  "preprocess": {{"mean": {list(MEAN)}, "std": {list(STD)}}},
  "tasks": [
{",".join(chr(10) + line for line in lines).lstrip(chr(10))}
  ]
}}
"""


def fine_tune(task, encoder, base, head):
    """Trains, writes and measures one expert; returns what the manifest says about it."""
    images, labels, classes = load(DATA / "mini" / "build" / "train" / f"{task.name}.pack", "train")
    if classes != list(task.concepts):
        raise RuntimeError(f"{task.name}: the pack's classes differ from the task table; rebuild data/mini")
    measured = {split: load(DATA / "mini" / "vision" / f"{task.name}.pack", split)[:2] for split in ("val", "test")}
    encoder.load_state_dict(base)
    zero_shot = {split: accuracy(encoder, head, *measured[split]) for split in measured}
    epochs, seed = max(1, round(SAMPLES / len(labels))), SEED + TASKS.index(task)
    seconds = train(encoder, lambda: head, list(encoder.parameters()), images, labels, epochs, RATE, seed, WARMUP, BATCH)
    expert = {name: value.half() for name, value in encoder.state_dict().items()}
    write(VIT / "experts" / f"{task.name}.safetensors", save(expert))
    encoder.load_state_dict({name: value.float() for name, value in expert.items()})  # measure what ships, not what was trained
    trained = {split: accuracy(encoder, head, *measured[split]) for split in measured}
    return {"seed": seed, "epochs": epochs, "rate": RATE, "warm-up steps": WARMUP, "batch": BATCH, "images": len(labels),
            "seconds": round(seconds), "zero-shot": zero_shot, "expert": trained}  # fmt: skip


def main():
    base = torch.load(HERE / "build" / "base.pt")
    row = {concept: index for index, concept in enumerate(base["concepts"])}
    heads = {task.name: base["vectors"][[row[label] for label in task.concepts]].contiguous() for task in TASKS}
    encoder = Encoder()
    encoder.load_state_dict(base["encoder"])
    script(encoder, VIT / "encoder.pt")
    write(VIT / "base.safetensors", save({name: value.half() for name, value in base["encoder"].items()}))
    write(VIT / "heads.safetensors", save(heads))

    shipped = [task for task in TASKS if (DATA / "mini" / "vision" / f"{task.name}.pack").exists()]
    for task in shipped:
        if len(sys.argv) == 1 or task.name in sys.argv[1:]:
            result = fine_tune(task, encoder, base["encoder"], heads[task.name])
            write(HERE / "build" / "experts" / f"{task.name}.json", json.dumps(result).encode())
            print(task.name, json.dumps(result), flush=True)

    results = {task.name: HERE / "build" / "experts" / f"{task.name}.json" for task in shipped}
    if not all(path.exists() for path in results.values()):
        return  # another process is still training; the last one to finish writes the manifest
    manifest = {"base": base["record"], "experts": {name: json.loads(path.read_text()) for name, path in results.items()}}
    for kind in ("zero-shot", "expert"):
        mean = sum(entry[kind]["test"] for entry in manifest["experts"].values()) / len(shipped)
        manifest[f"mean {kind} test accuracy"] = round(mean, 4)
    write(HERE / "MANIFEST.json", (json.dumps(manifest, indent=1) + "\n").encode())
    write(SUITE, suite_text(shipped).encode())


if __name__ == "__main__":
    main()
