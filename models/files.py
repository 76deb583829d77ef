"""What the exporters of this folder share: checkpoints by name, modules without weights, files that appear complete or not at all."""

import os
import sys
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file


class Refused(Exception):
    """What the user gave cannot be taken; the message names the file, what was expected and what was found."""


def run(program, main):
    """Exit code 2 with one line for input that cannot be taken, 3 if the machine fails, as isomerge does."""
    try:
        main()
    except (Refused, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, (Refused, FileNotFoundError, IsADirectoryError)) else 3)


@contextmanager
def replacing(path):
    """Yields the name of a temporary file beside `path`, which takes its place if nothing failed and goes otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # some libraries write for the owner alone
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise OSError(f"{path}: cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write(path, data):
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_tensors(path, tensors):
    """safetensors; each tensor gets bytes of its own, whatever it shared with others."""
    with replacing(path) as temporary:
        save_file({name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}, temporary)


def _in_order(code):
    """A module's constants come in the order of a set of texts, which is another one in every process; here by name."""
    lines = code.split(b"\n")
    return b"\n".join(line for final, group in groupby(lines, lambda line: b" : Final[" in line) for line in (sorted(group) if final else group))


def write_script(path, scripted):
    """A TorchScript module without its debug records, which name the folders of this machine; the same bytes for the same module."""
    with replacing(path) as temporary:
        full = Path(f"{temporary}.full")
        try:
            with full.open("wb") as file:
                torch.jit.save(scripted, file)
            with full.open("rb") as source, temporary.open("wb") as target:
                reader, writer = torch._C.PyTorchFileReader(source), torch._C.PyTorchFileWriter(target)
                for name in reader.get_all_records():
                    if not name.endswith(".debug_pkl") and name not in ("version", "byteorder", ".data/serialization_id"):
                        record = _in_order(reader.get_record(name)) if name.endswith(".py") else reader.get_record(name)
                        writer.write_record(name, record, len(record))
                writer.write_end_of_file()
        finally:
            full.unlink(missing_ok=True)


def empty(scripted):
    """One NaN stands for all values of every tensor: no bytes, and results that isomerge refuses until weights are bound."""
    nothing = torch.full((), float("nan"))
    for tensor in [*scripted.parameters(), *scripted.buffers()]:
        value = nothing.to(tensor.dtype) if tensor.is_floating_point() else torch.zeros((), dtype=tensor.dtype)
        tensor.data = value.expand(tensor.shape)


def _flat(value, prefix=""):
    """Tensors of nested dictionaries under dotted names; the rest (an epoch, an optimiser's settings) is left out."""
    tensors = {}
    for key, item in value.items():
        if isinstance(item, torch.Tensor):
            tensors[f"{prefix}{key}"] = item
        elif isinstance(item, dict):
            tensors |= _flat(item, f"{prefix}{key}.")
    return tensors


def read_tensors(path):
    """name -> tensor of a safetensors file, a folder with model.safetensors, or what torch.save made of a state dict.

    Tensors of torch.save are mapped, not read, until something looks at them.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":
        try:
            with safe_open(path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}
        except SafetensorError as error:
            raise Refused(f"{path}: not a safetensors file: {error}") from None
    try:
        value = torch.load(path, map_location="cpu", weights_only=True, mmap=start.startswith(b"PK"))
    except Exception as error:  # torch has no type of its own for a file that it does not take
        reason = str(error).split("\n")[0]
        if "TorchScript" in reason or "torch.jit" in reason:
            hint = f"a TorchScript archive; `isomerge convert {path} weights.safetensors` reads its weights"
        elif "eights only load failed" in str(error) or "nsupported" in str(error):
            hint = f"not a state dict; if it is a pickled module, convert it: python models/unpickle.py encoder {path} --out weights.safetensors"
        else:
            hint = f"neither safetensors nor a state dict of torch.save: {reason}"
        raise Refused(f"{path}: {hint}") from None
    tensors = _flat(value) if isinstance(value, dict) else {}
    if not tensors:
        raise Refused(f"{path}: expected a dictionary of tensors, found {type(value).__name__}{' without any' if isinstance(value, dict) else ''}")
    return tensors


def require_same(label, expected, found):
    """expected and found: name -> shape. One error with every difference."""
    lines = [f"{name}: expected {list(shape)}, found {list(found[name]) if name in found else 'nothing'}"
             for name, shape in sorted(expected.items()) if found.get(name) != shape]  # fmt: skip
    lines += [f"{name}: expected nothing, found {list(found[name])}" for name in sorted(found.keys() - expected.keys())]
    if lines:
        more = f"\n  and {len(lines) - 20} more" if len(lines) > 20 else ""
        raise Refused(f"{label} does not fit this model, {len(lines)} tensors differ:\n  " + "\n  ".join(lines[:20]) + more)
