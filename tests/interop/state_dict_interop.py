"""isomerge reads what torch.save wrote, bit for bit. Run by state_dict_test.sh."""

import json
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import torch

isomerge, folder = sys.argv[1], Path(sys.argv[2])
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
          "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}  # fmt: skip


def read_safetensors(path):
    """The format from its description, so that no library stands between the bytes and the comparison."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(bytearray(data[start + begin : start + end]), dtype=dtype) if end > begin else torch.empty(0, dtype=dtype)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def same_bits(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.numel() == 0 or torch.equal(a.contiguous().view(-1).view(torch.uint8), b.contiguous().view(-1).view(torch.uint8))


torch.manual_seed(1)
whole = torch.randn(6, 8)
everything = OrderedDict(whole=whole, tied=whole, turned=whole.t(), rows=whole[2:5], columns=whole[:, 1::3], repeated=whole[0].expand(3, 8),
                         scalar=torch.tensor(2.5), none=torch.empty(0, 4), nan=torch.tensor([float("nan"), float("inf"), -0.0]),
                         parameter=torch.nn.Parameter(torch.randn(3)), half=torch.randn(5).half(), bf16=torch.randn(2, 3).bfloat16(),
                         fp64=torch.randn(4).double(), int64=torch.arange(-3, 4), int8=torch.arange(-3, 4, dtype=torch.int8),
                         bool=torch.tensor([True, False]), transposed_half=torch.randn(4, 5).half().t())  # fmt: skip
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
optimizer = torch.optim.AdamW(module.parameters())
training = {"state_dict": module.state_dict(), "epoch": 3, "lr": 0.1, "note": "x", "shape": torch.Size([1]), "dtype": torch.bfloat16,
            "optimizer": optimizer.state_dict()}  # fmt: skip
cases = {
    "everything": (everything, everything),
    "module": (module.state_dict(), module.state_dict()),
    "training": (training, {f"state_dict.{name}": value for name, value in module.state_dict().items()}),
}
for case, (saved, want) in cases.items():
    torch.save(saved, folder / f"{case}.pt")
    subprocess.run([isomerge, "convert", "--quiet", folder / f"{case}.pt", folder / f"{case}.safetensors"], check=True, stdout=subprocess.DEVNULL)
    got = read_safetensors(folder / f"{case}.safetensors")
    assert got.keys() == want.keys(), (case, got.keys() ^ want.keys())
    for name, value in want.items():
        assert same_bits(got[name], value.detach()), (case, name, got[name], value)
    listing = json.loads(subprocess.run([isomerge, "inspect", "--json", folder / f"{case}.pt"], check=True, capture_output=True).stdout)
    assert listing["format"] == "torch.save state dict" and len(listing["tensors"]) == len(want), listing
    against = subprocess.run([isomerge, "inspect", folder / f"{case}.pt", "--against", folder / f"{case}.safetensors"], capture_output=True)
    assert against.returncode == 0, against.stdout

refused = {
    "complex": ({"w": torch.zeros(2, dtype=torch.complex64)}, "ComplexFloat"),
    "float8": ({"w": torch.zeros(2).to(torch.float8_e4m3fn)}, "float8_e4m3fn"),
    "uint16": ({"w": torch.zeros(2, dtype=torch.uint16)}, "uint16"),
    "pickled_module": (module, "pickled Python object"),
    "one_tensor": (whole, "expected a dictionary"),
}
for case, (saved, fact) in refused.items():
    torch.save(saved, folder / f"{case}.pt")
    result = subprocess.run([isomerge, "inspect", folder / f"{case}.pt"], capture_output=True, text=True)
    assert result.returncode == 2 and fact in result.stderr and case in result.stderr, (case, result)
torch.save(everything, folder / "legacy.pt", _use_new_zipfile_serialization=False)
result = subprocess.run([isomerge, "inspect", folder / "legacy.pt"], capture_output=True, text=True)
assert result.returncode == 2 and "before PyTorch 1.6" in result.stderr, result

# The way out that the message names, and a program that gets the weights of a state dict.
torch.save(torch.load(folder / "legacy.pt", weights_only=True), folder / "new.pt")
subprocess.run([isomerge, "inspect", folder / "new.pt", "--against", folder / "everything.pt"], check=True, stdout=subprocess.DEVNULL)
linear, other = torch.nn.Linear(4, 2).eval(), torch.nn.Linear(4, 2).eval()
torch.save(linear.state_dict(), folder / "linear.pt")
torch.jit.save(torch.jit.script(other), folder / "program.ts")
subprocess.run([isomerge, "convert", folder / "linear.pt", folder / "linear.ts", "--program", folder / "program.ts"], check=True, stdout=subprocess.DEVNULL)
x = torch.randn(3, 4)
assert torch.equal(torch.jit.load(folder / "linear.ts")(x), linear(x))
print(f"state_dict: {sum(len(want) for _, want in cases.values())} tensors of torch.save read bit for bit, {len(refused) + 1} files refused")
