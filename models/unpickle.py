"""Pickled Python objects of published checkpoint trees -> safetensors, without the classes they were made of and without running anything.

    unpickle.py encoder nonlinear_finetuned.pt --out cars.safetensors          a pickled module: its parameters and buffers
    unpickle.py heads cars=head_CarsVal.pt dtd=head_DTDVal.pt --out heads.safetensors    one tensor [classes, e] per task
    unpickle.py masks TALL_mask_8task.npy --base nonlinear_zeroshot.pt --out masks.safetensors    packed bits, tensors <task>/<name>

A pickle is a program. This reader knows tensors, arrays and plain containers; objects of any other class become empty shells that hold what was
stored in them; whatever would call a function is refused.
"""

import argparse
import io
import math
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from files import Refused, read_tensors, run, write_tensors

STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}  # fmt: skip


class _Uncallable(type):
    """Of classes that a pickle may name and fill, but not call."""

    def __call__(cls, *arguments, **named):
        raise Refused(f"it calls {cls.__name__}, which is a program, not data")


class Shell(metaclass=_Uncallable):
    """An object of a class that is not here: what was stored in it, nothing else."""

    def __new__(cls, *arguments, **named):
        return object.__new__(cls)


class ArrayType:
    """numpy.dtype: the code ("u1") alone."""

    def __init__(self, code, *flags):
        self.code = code

    def __setstate__(self, state):
        pass


class Array:
    """numpy.ndarray: bytes, or a list of objects, in `data`."""

    def __init__(self, *arguments):
        self.shape, self.code, self.data = (), "", b""

    def __setstate__(self, state):
        _, self.shape, dtype, _, self.data = state
        self.code = dtype.code

    def bytes_of(self):
        """uint8 [n] of an array of bytes or bools of one dimension, None for others."""
        if self.code not in ("u1", "b1", "?") or len(self.shape) != 1 or len(self.data) != self.shape[0]:
            return None
        return np.frombuffer(self.data, dtype=np.uint8)


def _first(*arguments):
    return arguments[0] if arguments else None


def _latin1(text, encoding):
    if encoding != "latin1":
        raise Refused(f"it encodes a text as {encoding}, expected latin1")
    return text.encode("latin1")


def _tensor(storage, offset, size, stride, *rest):
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else -1
    if min([offset, *size, *stride]) < 0 or max(last + 1, count) > storage.numel():
        raise Refused(f"a tensor {list(size)} that its storage of {storage.numel()} elements does not hold")
    return torch.as_strided(storage, tuple(size), tuple(stride), offset)


# The names that stand for a value. All of them make plain data; none touches a file or another module.
KNOWN = {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "torch.Size": _first,
    "torch.device": _first,
    "torchvision.transforms.functional.InterpolationMode": _first,  # in the preprocessing beside an encoder
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "numpy.dtype": ArrayType,
    "numpy.core.multiarray._reconstruct": Array,
    "numpy._core.multiarray._reconstruct": Array,
    "_codecs.encode": _latin1,
}


class Reader(pickle.Unpickler):
    def __init__(self, file, storage):
        super().__init__(file)
        self.storage = storage

    def find_class(self, module, name):
        full = f"{'builtins' if module == '__builtin__' else module}.{name}"  # as pickles of protocol 2 call it
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        return KNOWN[full] if full in KNOWN else _Uncallable(full, (Shell,), {"__module__": ""})

    def persistent_load(self, key):
        kind, dtype, name, _, count = key
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise Refused(f"a storage of unknown form: {kind}, {getattr(dtype, '__name__', dtype)}")
        return self.storage(name, dtype, count)


def read_archive(path):
    """The object that torch.save wrote."""
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        top = [name for name in members if name.endswith("/data.pkl")]
        if len(top) != 1:
            raise Refused(f"{path}: expected one data.pkl in it, found {len(top)}")
        folder = top[0].removesuffix("data.pkl")
        if folder + "constants.pkl" in members:
            raise Refused(f"{path}: a TorchScript archive; `isomerge convert {path} weights.safetensors` reads its weights")
        if folder + "byteorder" in members and archive.read(folder + "byteorder") != b"little":
            raise Refused(f"{path}: expected little-endian numbers, found {archive.read(folder + 'byteorder').decode(errors='replace')}")
        storages = {}

        def storage(name, dtype, count):
            if name not in storages:
                member = f"{folder}data/{name}"
                data = bytearray(archive.read(member)) if member in members else bytearray()
                if len(data) != count * dtype.itemsize:
                    raise Refused(f"storage {name}: expected {count * dtype.itemsize} bytes, found {len(data)}")
                storages[name] = torch.frombuffer(data, dtype=dtype) if count else torch.empty(0, dtype=dtype)
            if storages[name].dtype != dtype:
                raise Refused(f"storage {name}: is {storages[name].dtype} in one place and {dtype} in another")
            return storages[name]

        return Reader(io.BytesIO(archive.read(top[0])), storage).load()


def read_npy(path):
    """The object in an array of one object, as np.save writes a dictionary."""
    with Path(path).open("rb") as file:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
        if shape != () or dtype != object:
            raise Refused(f"{path}: expected one object, found an array {list(shape)} of {dtype}")
        array = Reader(file, lambda *key: None).load()
    if not isinstance(array, Array) or array.code != "O8" or not isinstance(array.data, list) or len(array.data) != 1:
        raise Refused(f"{path}: expected an array with one object in it")
    return array.data[0]


def read_object(path):
    with Path(path).open("rb") as file:
        magic = file.read(6)
    try:
        if magic.startswith(b"PK"):
            return read_archive(path)
        if magic == b"\x93NUMPY":
            return read_npy(path)
    except Refused as error:
        raise Refused(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
    except Exception as error:  # whatever a damaged pickle makes the reader stumble over
        raise Refused(f"{path}: damaged, or not what torch.save or np.save write: {type(error).__name__}: {error}") from None
    raise Refused(f"{path}: expected what torch.save (PyTorch 1.6 or newer) or np.save writes, found a file that starts with {magic!r}")


def parts_of(module):
    """-> parameters and buffers, modules of a pickled module; None if it is none."""
    found = vars(module) if isinstance(module, Shell) else {}
    if not all(isinstance(found.get(key), dict) for key in ("_parameters", "_buffers", "_modules")):
        return None
    left_out = found.get("_non_persistent_buffers_set") or ()
    tensors = found["_parameters"] | {name: value for name, value in found["_buffers"].items() if name not in left_out}
    return tensors, found["_modules"]


def state_of(path, module, prefix="", above=()):
    """What module.state_dict() would hold."""
    parts = parts_of(module)
    if parts is None or id(module) in above:
        raise Refused(f"{path}: {prefix.rstrip('.') or 'the object in it'}: expected a module, found {type(module).__name__}")
    state = {}
    for name, value in parts[0].items():
        if isinstance(value, torch.Tensor):
            state[prefix + name] = value
        elif value is not None:
            raise Refused(f"{path}: {prefix}{name}: expected a tensor, found {type(value).__name__}")
    for name, child in parts[1].items():
        if child is not None:
            state |= state_of(path, child, f"{prefix}{name}.", (*above, id(module)))
    return state


def convert_encoder(arguments):
    state = state_of(arguments.file, read_object(arguments.file))
    if not state:
        raise Refused(f"{arguments.file}: a module without parameters")
    write_tensors(arguments.out, state)
    print(f"{arguments.out}: {len(state)} tensors, {sum(value.numel() for value in state.values()):,} values")


def read_head(path):
    """The weight [C, e] of a pickled linear module whose bias is zero and that normalises its input: all that isomerge's heads can be."""
    module = read_object(path)
    state, settings = state_of(path, module), vars(module)
    if state.keys() - {"bias"} != {"weight"} or state["weight"].dim() != 2 or not state["weight"].is_floating_point():
        raise Refused(f"{path}: expected a head with a weight [classes, e] and perhaps a bias, found {', '.join(sorted(state)) or 'no tensor'}")
    weight, bias = state["weight"].float(), state.get("bias")
    if bias is not None and bias.count_nonzero():
        raise Refused(f"{path}: bias: expected zeros, found {bias.count_nonzero()} others; isomerge's heads have no bias")
    if settings.get("normalize") is not True:
        raise Refused(f"{path}: normalize: expected True, found {settings.get('normalize')}; isomerge's heads take normalised features")
    if not weight.isfinite().all():
        raise Refused(f"{path}: weight: expected finite numbers, found NaN or Inf")
    return weight


def convert_heads(arguments):
    heads = {}
    for text in arguments.heads:
        task, equals, path = text.partition("=")
        if not (task and equals and path) or task in heads:
            raise Refused(f"{text}: expected TASK=FILE, each task once")
        heads[task] = read_head(path)
    sizes = {weight.shape[1] for weight in heads.values()}
    if len(sizes) > 1:
        raise Refused("the heads are of different encoders: " + ", ".join(f"{task} takes {weight.shape[1]} features" for task, weight in heads.items()))
    write_tensors(arguments.out, heads)
    print(f"{arguments.out}: " + ", ".join(f"{task} {list(weight.shape)}" for task, weight in heads.items()))


def packed_bits(path, task, value):
    """-> uint8 [bytes]"""
    if isinstance(value, Array) and (found := value.bytes_of()) is not None and value.code == "u1":
        return found
    if isinstance(value, torch.Tensor) and value.dtype == torch.uint8 and value.dim() == 1:
        return value.numpy()
    raise Refused(f"{path}: {task}: expected packed bits, uint8 of one dimension, found {type(value).__name__}")


def split_bits(path, task, packed, shapes, base):
    """Bits over all tensors of the base in the order of their names -> name -> the bits of that tensor, packed."""
    total = sum(shape.numel() for shape in shapes.values())
    if len(packed) != -(-total // 8):
        raise Refused(f"{path}: {task}: expected {-(-total // 8)} bytes for the {total} values of {base}, found {len(packed)}")
    bits = np.unpackbits(packed)
    if bits[total:].any():
        raise Refused(f"{path}: {task}: expected zeros after the {total} bits of {base}, found others: the mask is of another base")
    out, at = {}, 0
    for name in sorted(shapes):
        out[name] = torch.from_numpy(np.packbits(bits[at : at + shapes[name].numel()]))
        at += shapes[name].numel()
    return out


def convert_masks(arguments):
    masks = read_object(arguments.file)
    if not isinstance(masks, dict) or not masks or not all(isinstance(task, str) and "/" not in task for task in masks):
        raise Refused(f"{arguments.file}: expected a dictionary task -> packed bits, found {type(masks).__name__}")
    shapes = {name: value.shape for name, value in read_tensors(arguments.base).items()}
    tensors = {}
    for task, value in masks.items():
        packed = packed_bits(arguments.file, task, value)
        tensors |= {f"{task}/{name}": bits for name, bits in split_bits(arguments.file, task, packed, shapes, arguments.base).items()}
    write_tensors(arguments.out, tensors)
    print(f"{arguments.out}: masks of {', '.join(masks)} over {len(shapes)} tensors, {sum(shape.numel() for shape in shapes.values()):,} bits each")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    encoder = commands.add_parser("encoder", help="a pickled module")
    encoder.add_argument("file")
    heads = commands.add_parser("heads", help="pickled class heads")
    heads.add_argument("heads", nargs="+", metavar="TASK=FILE")
    masks = commands.add_parser("masks", help="TALL masks: a dictionary task -> packed bits, of np.save or torch.save")
    masks.add_argument("file")
    masks.add_argument("--base", required=True, metavar="FILE", help="the checkpoint that the masks are of: its names and shapes say which bit is whose")
    for command in (encoder, heads, masks):
        command.add_argument("--out", required=True, metavar="FILE")
    arguments = parser.parse_args()
    {"encoder": convert_encoder, "heads": convert_heads, "masks": convert_masks}[arguments.command](arguments)


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    run("unpickle", main)
