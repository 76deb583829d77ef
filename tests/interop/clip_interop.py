"""What models/export_clip.py and models/unpickle.py make of open_clip's and transformers' models, read and run by isomerge. Run by clip_test.sh.

The libraries are the reference: their features, their zero-shot classifiers, their state dicts. All weights are random, none is at its initial
value (a bias of zero would hide that it is not used). With --small as a third argument, without the two ViT-B/32.
"""

import contextlib
import gzip
import io
import json
import logging
import os
import resource
import runpy
import subprocess
import sys
import types
from pathlib import Path

import clip_run
import numpy as np
import torch

clip_run.declare()
logging.disable(logging.WARNING)
import open_clip  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

ROOT, INTEROP = Path(__file__).parents[2], Path(__file__).parent
MODELS = ROOT / "models"
sys.path.insert(0, str(ROOT / "data"))
sys.path.insert(0, str(MODELS))
from files import replacing  # noqa: E402
from pack import write_pack  # noqa: E402

isomerge, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLASSES, TEMPLATES = [["a list", "of names"], "café {}", 7], ["a photo of a {}.", "{}, drawn by a child", "art of the {}"]
SMALL = {"embed_dim": 32, "quick_gelu": True,
         "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "head_width": 16, "patch_size": 8, "mlp_ratio": 3.0},
         "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}}  # fmt: skip
torch.manual_seed(1)


def python(script, *arguments):
    """Runs one of models/*.py as the command line would. -> exit code, what it printed on stdout, on stderr"""
    out, errors, code = io.StringIO(), io.StringIO(), 0
    before = sys.argv
    sys.argv = [script, *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            runpy.run_path(str(MODELS / script), run_name="__main__")
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    return code, out.getvalue(), errors.getvalue()


def exported(script, *arguments):
    code, out, errors = python(script, *arguments)
    assert code == 0, (arguments, code, errors)
    return out


def refused(script, facts, out, *arguments):
    """Exit code 2, one message with all facts, and no file at `out`, not even a temporary one."""
    code, _, errors = python(script, *arguments, "--out", out)
    assert code == 2 and all(str(fact) in errors for fact in facts), (arguments, facts, code, errors)
    assert not out.exists() and not list(out.parent.glob(f".{out.name}*")), (out, list(out.parent.iterdir()))


def program(*arguments):
    result = subprocess.run([isomerge, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


def shaken(model, scale=0.05):
    """Every parameter away from its initial value."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape))
    return model.eval()


def relative(got, want):
    difference = ((got.double() - want.double()).abs().max() / want.double().abs().max()).item()
    return difference if difference == difference else float("inf")


@torch.no_grad()
def features_of(path, images, weights=None):
    """What Python's TorchScript makes of the exported module, with `weights` copied into it."""
    module = torch.jit.load(str(path)).eval()
    if weights is not None:
        slots = dict(module.named_parameters()) | dict(module.named_buffers())
        assert slots.keys() == weights.keys(), slots.keys() ^ weights.keys()
        for name, slot in slots.items():
            slot.data = weights[name].clone()
    return module(images)


def linear_operations(path):
    """aten::linear that the module runs, inlined."""
    graph = torch.jit.load(str(path)).inlined_graph
    return str(graph).count("aten::linear(")


def write_suite(path, encoder, base, experts, images, height):
    """One task per expert, all on the same images; the heads are of no concern."""
    here = path.parent
    here.mkdir(parents=True, exist_ok=True)
    labels, provenance = np.arange(len(images)) % 2, {"source": "random numbers", "licence": "none needed", "description": "noise"}
    write_pack(here / "images.pack", "noise", ["a", "b"], images, labels, {"test": (0, len(images))}, provenance)
    size = height
    save_file({task: torch.randn(2, size) for task in experts}, here / "heads.safetensors")
    tasks = [{"name": task, "expert": str(expert), "data": "images.pack"} for task, expert in experts.items()]
    path.write_text(json.dumps({"title": "CLIP", "encoder": str(encoder), "base": str(base), "heads": "heads.safetensors",
                                "preprocess": {"mean": MEAN, "std": STD}, "tasks": tasks}))  # fmt: skip


def distances(suite, weights):
    return {entry["task"]: entry["distance"] for entry in json.loads(program("analyze", "interference", suite, "--weights", weights, "--json"))["tasks"]}


def normalised(images):
    return (torch.tensor(images).float() / 255 - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def tree_state(model):
    """The state dict of the official trees' ImageEncoder: below `model.`, without the text transformer."""
    return {f"model.{name}": value.clone() for name, value in model.state_dict().items() if not name.startswith("transformer.")}


def random_images(count, size):
    return np.random.default_rng(1).integers(0, 256, (count, 3, size, size), dtype=np.uint8)


def through_the_program(label, encoders, base, experts, pixels, features, e):
    """isomerge binds files of weights to each encoder; the distances between their features are the library's, with every encoder the same."""
    with torch.no_grad():
        ours, want = features(base), {}
        for task, weights in experts.items():
            want[task] = (ours - features(weights)).abs().double().mean().item()
    found = []
    for index, encoder in enumerate(encoders):
        suite = folder / label / f"suite{index}.json"
        write_suite(suite, encoder, base, experts, pixels, e)
        found.append(distances(suite, base))
        for task, value in found[-1].items():
            assert abs(value - want[task]) <= 1e-4 * want[task] and want[task] > 0, (label, encoder, task, value, want[task])
    assert all(one == found[0] for one in found), (label, found)
    return max(abs(found[0][task] - want[task]) / want[task] for task in want)


def check_openclip(label, name, model, size, blocks):
    """Full export, skeleton for the official tree, and checkpoints of that tree as torch.save wrote them."""
    here = folder / label
    here.mkdir()
    pixels = random_images(3, size)
    images = normalised(pixels)
    torch.save(model.state_dict(), here / "weights.pt")
    options = ["--library", "open_clip", "--model", name]
    exported("export_clip.py", "encoder", *options, "--weights", here / "weights.pt", "--out", here / "encoder.pt", "--base", here / "base.safetensors")
    with torch.no_grad():
        want = model.encode_image(images)
    error = relative(features_of(here / "encoder.pt", images), want)
    assert error <= 1e-4, (label, error)
    assert load_file(here / "base.safetensors").keys() == {f"visual.{key}" for key in model.visual.state_dict()}, label
    assert linear_operations(here / "encoder.pt") == 4 * blocks, linear_operations(here / "encoder.pt")

    # The tree: the base, and two experts far enough from it that a wrong weight would show.
    tree = here / "ViT"
    files = {}
    for task in ("MNIST", "Cars"):
        (tree / f"{task}Val").mkdir(parents=True)
        files[task] = tree / f"{task}Val" / ("nonlinear_zeroshot.pt" if task == "MNIST" else "nonlinear_finetuned.pt")
    base = tree_state(model)
    torch.save(base, files["MNIST"])
    expert = {key: value + (0.02 * torch.randn(value.shape) if ".visual." in key else 0) for key, value in base.items()}
    torch.save(expert, files["Cars"])
    listing = json.loads(program("inspect", "--json", files["Cars"]))
    assert {entry["name"] for entry in listing["tensors"]} == base.keys(), listing

    report = exported("export_clip.py", "encoder", *options, "--like", files["MNIST"], "--skeleton", "--out", here / "skeleton.pt")
    assert "model.token_embedding.weight" in report and "QuickGELU" in report, report
    exported("export_clip.py", "encoder", *options, "--like", files["MNIST"], "--weights", files["MNIST"], "--out", here / "whole.pt",
             "--base", here / "whole.safetensors")  # fmt: skip
    for key, value in load_file(here / "whole.safetensors").items():
        assert torch.equal(value, base[key]), key
    assert features_of(here / "skeleton.pt", images).isnan().all(), "a skeleton computes with weights that nobody gave it"
    assert relative(features_of(here / "skeleton.pt", images, base), want) <= 1e-4

    def features(path):
        model.visual.load_state_dict({key[len("model.visual.") :]: value for key, value in torch.load(path).items() if ".visual." in key})
        return model.encode_image(images)

    through = through_the_program(label, [here / "skeleton.pt", here / "whole.pt"], files["MNIST"], {"cars": files["Cars"]}, pixels, features,
                                  want.shape[1])  # fmt: skip
    features(files["MNIST"])  # the base's weights again
    print(f"{label}: features differ by {error:.1e}, distances through isomerge by {through:.1e}; "
          f"skeleton {(here / 'skeleton.pt').stat().st_size:,} bytes")  # fmt: skip


def hf_config(**vision):
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "bos_token_id": 49406, "eos_token_id": 49407}
    return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=vision.pop("projection_dim"))


def check_transformers(label, config, blocks):
    """A CLIP folder; a folder with the image tower alone, as fine-tuned ones are published; the configuration without weights."""
    here = folder / label
    model = shaken(transformers.CLIPModel(config))
    model.save_pretrained(here / "clip")
    size = config.vision_config.image_size
    pixels = random_images(3, size)
    images = normalised(pixels)
    options = ["--library", "transformers", "--model", here / "clip"]
    exported("export_clip.py", "encoder", *options, "--out", here / "encoder.pt", "--base", here / "base.safetensors")
    with torch.no_grad():
        output = model.get_image_features(pixel_values=images)
    want = output if isinstance(output, torch.Tensor) else output.pooler_output
    error = relative(features_of(here / "encoder.pt", images), want)
    assert error <= 1e-4, (label, error)
    names = set(load_file(here / "base.safetensors"))
    assert names < set(load_file(here / "clip" / "model.safetensors")) and "visual_projection.weight" in names, names
    assert linear_operations(here / "encoder.pt") == 6 * blocks + 1, linear_operations(here / "encoder.pt")

    towers = {}
    for task, scale in (("base", 0.0), ("cars", 0.02)):
        tower = shaken(transformers.CLIPVisionModel(config.vision_config))
        tower.load_state_dict({key: value + scale * torch.randn(value.shape) for key, value in model.vision_model.state_dict().items()})
        tower.save_pretrained(here / task)
        towers[task] = here / task / "model.safetensors"
    report = exported("export_clip.py", "encoder", *options, "--like", here / "cars", "--skeleton", "--out", here / "skeleton.pt")
    assert "visual_projection.weight" in report, report
    exported("export_clip.py", "encoder", *options, "--like", here / "base", "--out", here / "whole.pt")
    assert relative(features_of(here / "skeleton.pt", images, load_file(towers["base"])), want) <= 1e-4

    def features(path):
        tower = transformers.CLIPVisionModel.from_pretrained(Path(path).parent)
        return model.visual_projection(tower(pixel_values=images).pooler_output)

    through = through_the_program(label, [here / "skeleton.pt", here / "whole.pt"], towers["base"], {"cars": towers["cars"]}, pixels, features,
                                  want.shape[1])  # fmt: skip
    exported("export_clip.py", "encoder", "--library", "transformers", "--model", here / "clip" / "config.json", "--skeleton", "--out", here / "r.pt")
    print(f"{label}: features differ by {error:.1e}, distances through isomerge by {through:.1e}; "
          f"skeleton {(here / 'skeleton.pt').stat().st_size:,} bytes")  # fmt: skip
    return model


def write_tokenizer(path):
    """The files of HuggingFace's CLIP tokenizer, from the vocabulary that open_clip ships."""
    tokenizer = open_clip.SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    (path / "vocab.json").write_text(json.dumps({names.get(token, token): index for token, index in tokenizer.encoder.items()}))
    bpe = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.open(bpe).read().decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    (path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}))


def check_heads(openclip_model, openclip_name, hf_model, hf_folder):
    texts = [str(name) for name in CLASSES]
    (folder / "tasks.json").write_text(json.dumps({"odd": {"classes": CLASSES, "templates": TEMPLATES},
                                                   "one": {"classes": ["cat", "dog"], "templates": TEMPLATES[:1]}}))  # fmt: skip
    torch.save(openclip_model.state_dict(), folder / "clip.pt")
    exported("export_clip.py", "heads", "--library", "open_clip", "--model", openclip_name, "--weights", folder / "clip.pt",
             "--tasks", folder / "tasks.json", "--out", folder / "heads.safetensors")  # fmt: skip
    heads = load_file(folder / "heads.safetensors")
    templates = [lambda name, it=it: it.replace("{}", name) for it in TEMPLATES]
    tokenizer = open_clip.get_tokenizer(openclip_name)
    with torch.no_grad():
        want = open_clip.build_zero_shot_classifier(openclip_model, tokenizer, texts, templates).T * openclip_model.logit_scale.exp()
    first = relative(heads["odd"], want)
    assert heads["odd"].shape == (3, 32) and heads["one"].shape == (2, 32) and first <= 1e-5, (first, heads["odd"].shape)
    # OpenAI's own files are TorchScript archives: isomerge reads their weights.
    torch.jit.save(torch.jit.script(openclip_model), folder / "archive.pt")
    program("convert", "--quiet", folder / "archive.pt", folder / "archive.safetensors")
    exported("export_clip.py", "heads", "--library", "open_clip", "--model", openclip_name, "--weights", folder / "archive.safetensors",
             "--tasks", folder / "tasks.json", "--out", folder / "same.safetensors")  # fmt: skip
    assert all(torch.equal(heads[task], weight) for task, weight in load_file(folder / "same.safetensors").items())
    refused("export_clip.py", ["archive.pt", "isomerge convert"], folder / "none.safetensors", "heads", "--library", "open_clip", "--model", openclip_name,
            "--weights", folder / "archive.pt", "--tasks", folder / "tasks.json")  # fmt: skip

    # Classes are not told apart by luck: another order of the classes is another head.
    assert relative(heads["odd"][[1, 0, 2]], want) > 1e-2

    write_tokenizer(hf_folder)
    exported("export_clip.py", "heads", "--library", "transformers", "--model", hf_folder, "--tasks", folder / "tasks.json", "--out", folder / "hf.safetensors")
    heads = load_file(folder / "hf.safetensors")
    rows = []
    with torch.no_grad():
        for name in texts:  # one text at a time: no padding, no mask; the ids of open_clip's tokenizer
            embeddings = []
            for template in templates:
                ids = tokenizer([template(name)])
                output = hf_model.get_text_features(input_ids=ids[:, : int(ids.argmax()) + 1])
                embeddings.append(torch.nn.functional.normalize(output if isinstance(output, torch.Tensor) else output.pooler_output, dim=-1))
            rows.append(torch.nn.functional.normalize(torch.cat(embeddings).mean(dim=0), dim=0) * hf_model.logit_scale.exp())
    second = relative(heads["odd"], torch.stack(rows))
    assert second <= 1e-5, second
    print(f"heads: differ from open_clip's classifier by {first:.1e}, from transformers' text features by {second:.1e}")


def official_classes():
    """Modules src.models.modeling of the official trees, which only this process has."""
    module = types.ModuleType("src.models.modeling")

    class ClassificationHead(torch.nn.Linear):
        def __init__(self, normalize, weight, bias=None):
            super().__init__(weight.shape[1], weight.shape[0])
            self.normalize = normalize
            self.weight = torch.nn.Parameter(weight.clone())
            self.bias = torch.nn.Parameter(torch.zeros(len(weight)) if bias is None else bias)

    class ImageEncoder(torch.nn.Module):
        def __init__(self, model, preprocess):
            super().__init__()
            self.model, self.train_preprocess, self.val_preprocess = model, preprocess, preprocess
            self.cache_dir = None
            del self.model.transformer

    for found in (ClassificationHead, ImageEncoder):
        found.__module__, found.__qualname__ = module.__name__, found.__name__
        setattr(module, found.__name__, found)
    for name in ("src", "src.models", "src.models.modeling"):
        sys.modules[name] = module if name.endswith("modeling") else types.ModuleType(name)
    return ClassificationHead, ImageEncoder


class Evil:
    """Calls a program when it is unpickled."""

    def __init__(self, call, *arguments):
        self.call = call, arguments

    def __reduce__(self):
        return self.call


def check_unpickling(model):
    here = folder / "pickles"
    here.mkdir()
    head_type, encoder_type = official_classes()
    weights = {"cars": torch.randn(5, 32), "dtd": torch.randn(3, 32)}
    for task, weight in weights.items():
        torch.save(head_type(True, weight), here / f"head_{task}.pt")
    exported("unpickle.py", "heads", f"cars={here / 'head_cars.pt'}", f"dtd={here / 'head_dtd.pt'}", "--out", here / "heads.safetensors")
    found = load_file(here / "heads.safetensors")
    assert found.keys() == weights.keys() and all(torch.equal(found[task], weights[task]) for task in weights), found

    encoder = encoder_type(model, open_clip.image_transform(32, is_train=False))
    torch.save(encoder, here / "encoder.pt")
    want = encoder.state_dict()
    # In a process that has neither the classes nor the libraries.
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path[:0] = [{str(MODELS)!r}]; sys.modules['open_clip'] = sys.modules['torchvision'] = None; "
                    f"import unpickle, files; files.run('unpickle', unpickle.main)", "encoder", here / "encoder.pt", "--out", here / "encoder.safetensors"],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    found = load_file(here / "encoder.safetensors")
    assert found.keys() == want.keys() and all(torch.equal(found[name], want[name]) for name in want), found.keys() ^ want.keys()

    mark, out = here / "called", here / "out.safetensors"
    bad = {"system": Evil(os.system, f"touch {mark}"), "eval": Evil(eval, f"open({str(mark)!r}, 'w')"), "exec": Evil(exec, "x = 1")}
    for name, value in bad.items():
        torch.save({"weight": torch.ones(2), "evil": value}, here / f"{name}.pt")
        for command in (["encoder", here / f"{name}.pt"], ["heads", f"a={here / f'{name}.pt'}"]):
            refused("unpickle.py", [here / f"{name}.pt", "calls", name], out, *command)
    np.save(here / "evil.npy", {"a": bad["system"]}, allow_pickle=True)
    refused("unpickle.py", ["evil.npy", "calls", "system"], out, "masks", here / "evil.npy", "--base", here / "encoder.safetensors")
    assert not mark.exists()

    torch.save(head_type(True, torch.randn(3, 32), torch.tensor([0, 0.5, 0])), here / "biased.pt")
    refused("unpickle.py", ["biased.pt", "bias", "expected zeros", "1 others"], out, "heads", f"a={here / 'biased.pt'}")
    torch.save(head_type(False, torch.randn(3, 32)), here / "raw.pt")
    refused("unpickle.py", ["raw.pt", "normalize", "expected True"], out, "heads", f"a={here / 'raw.pt'}")
    torch.save(head_type(True, torch.randn(3, 16)), here / "narrow.pt")
    refused("unpickle.py", ["cars takes 32", "b takes 16"], out, "heads", f"cars={here / 'head_cars.pt'}", f"b={here / 'narrow.pt'}")
    data = (here / "head_cars.pt").read_bytes()
    (here / "cut.pt").write_bytes(data[: len(data) // 2])
    refused("unpickle.py", ["cut.pt", "damaged"], out, "heads", f"a={here / 'cut.pt'}")
    refused("unpickle.py", ["nothing.pt"], out, "heads", f"a={here / 'nothing.pt'}")
    refused("export_clip.py", ["encoder.pt", "unpickle.py"], out, "encoder", "--library", "open_clip", "--model", "ViT-B-32",
            "--weights", here / "encoder.pt")  # fmt: skip
    print(f"unpickle: 2 heads and {len(want)} tensors of a module bit for bit, {2 * len(bad) + 6} files refused")


def check_masks():
    here = folder / "masks"
    here.mkdir()
    # Names whose order is not that of insertion, a scalar, an empty tensor, counts that are no multiples of 8.
    base = {"model.b": torch.randn(3, 5), "model.a.weight": torch.randn(7), "model.B": torch.randn(()), "model.none": torch.empty(0, 4)}
    generator = np.random.default_rng(2)
    masks = {task: {name: generator.integers(0, 2, value.numel()).astype(bool) for name, value in base.items()} for task in ("Cars", "DTD")}
    packed = {task: np.packbits(np.concatenate([mask[name] for name in sorted(mask)])) for task, mask in masks.items()}
    torch.save(base, here / "base.pt")
    np.save(here / "numpy.npy", packed, allow_pickle=True)
    torch.save(packed, here / "torch.npy")
    torch.save({task: torch.tensor(value) for task, value in packed.items()}, here / "tensors.pt")
    for source in ("numpy.npy", "torch.npy", "tensors.pt"):
        exported("unpickle.py", "masks", here / source, "--base", here / "base.pt", "--out", here / "masks.safetensors")
        found = load_file(here / "masks.safetensors")
        assert found.keys() == {f"{task}/{name}" for task in masks for name in base}, (source, found.keys())
        for task, mask in masks.items():
            for name, bits in mask.items():
                got = found[f"{task}/{name}"]
                assert got.dtype == torch.uint8 and np.array_equal(got.numpy(), np.packbits(bits)), (source, task, name)
    # Merged with: the sum of the updates where both tasks' masks have their bit.
    experts = {task: {name: value + torch.randn(value.shape) for name, value in base.items()} for task in ("cars", "dtd")}
    for task, weights in experts.items():
        torch.save(weights, here / f"{task}.pt")
    program("merge", "--method", "consensus_ta", "--masks", here / "masks.safetensors", "--base", here / "base.pt", "--expert", f"cars={here / 'cars.pt'}",
            "--expert", f"dtd={here / 'dtd.pt'}", "--update-only", "--out", here / "merged.safetensors", "--quiet")  # fmt: skip
    merged = load_file(here / "merged.safetensors")
    for name, value in base.items():
        both = torch.tensor((masks["Cars"][name] & masks["DTD"][name]).reshape(value.shape))
        updates = [(weights[name] - value).double() for weights in experts.values()]
        assert torch.equal(merged[name], torch.where(both, (updates[0] + updates[1]).float(), torch.zeros(()))), name
    out = here / "out.safetensors"
    torch.save(base | {"model.more": torch.randn(64)}, here / "wide.pt")
    refused("unpickle.py", ["numpy.npy", "Cars", "expected 11 bytes", "87 values", "found 3"], out, "masks", here / "numpy.npy", "--base", here / "wide.pt")
    torch.save({name: value for name, value in base.items() if name != "model.B"}, here / "less.pt")
    np.save(here / "ones.npy", {"Cars": np.full(3, 255, np.uint8)}, allow_pickle=True)
    refused("unpickle.py", ["ones.npy", "Cars", "another base"], out, "masks", here / "ones.npy", "--base", here / "less.pt")
    np.save(here / "floats.npy", {"Cars": np.zeros(3)}, allow_pickle=True)
    refused("unpickle.py", ["floats.npy", "Cars", "expected packed bits"], out, "masks", here / "floats.npy", "--base", here / "base.pt")
    np.save(here / "array.npy", np.zeros(3))
    refused("unpickle.py", ["array.npy", "expected one object"], out, "masks", here / "array.npy", "--base", here / "base.pt")
    print("masks: bits of 2 tasks from 3 kinds of file, merged with as numpy does, 4 files refused")


def check_refusals(name):
    """Exporter input that cannot be taken."""
    here, out = folder / "refused", folder / "refused" / "out.pt"
    here.mkdir()
    options = ["encoder", "--library", "open_clip", "--model", name]
    wrong = {"model.visual.conv1.weight": torch.randn(64, 3, 4, 4), "model.logit_scale": torch.tensor(1.0)}
    save_file(wrong, here / "wrong.safetensors")
    refused("export_clip.py", ["wrong.safetensors", "model.visual.conv1.weight", "expected [64, 3, 8, 8]", "found [64, 3, 4, 4]", "found nothing"], out,
            *options, "--like", here / "wrong.safetensors")  # fmt: skip
    refused("export_clip.py", ["visual.conv1.weight", "found none"], out, *options, "--weights", ROOT / "models" / "mini" / "vit" / "heads.safetensors")
    refused("export_clip.py", ["--prefix", "visual."], out, *options, "--prefix", "visual")
    refused("export_clip.py", ["no model", "ViT-B-32"], out, "encoder", "--library", "open_clip", "--model", "ViT-Z-1")
    refused("export_clip.py", ["ModifiedResNet"], out, "encoder", "--library", "open_clip", "--model", "RN50")
    (here / "tasks.json").write_text('{"a": {"classes": ["x"], "templates": ["a photo"]}}')
    refused("export_clip.py", ["tasks.json", "a photo", "one {}"], out, "heads", *options[1:], "--tasks", here / "tasks.json")

    # A disk that takes 16 KiB of each file: what was there stays, nothing else appears.
    out.write_text("before")
    for more in ([], ["--skeleton", "--base", out]):
        command = [sys.executable, INTEROP / "clip_run.py", MODELS / "export_clip.py", *options, "--out", out, *more]
        result = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384)))
        assert result.returncode == 3 and f"{out}: cannot be written" in result.stderr, result
        assert out.read_text() == "before" and len(list(here.glob(".*"))) == 0, list(here.iterdir())
    with contextlib.suppress(ZeroDivisionError), replacing(out) as temporary:  # half a file was written when something fails
        temporary.write_text("half")
        raise ZeroDivisionError
    assert out.read_text() == "before" and len(list(here.glob(".*"))) == 0, list(here.iterdir())
    print("export_clip: 6 requests refused, 2 full disks left no trace")


def main():
    name = str(folder / "small.json")
    Path(name).write_text(json.dumps(SMALL))
    open_clip.add_model_config(name)
    small = shaken(open_clip.create_model("small"))
    check_openclip("open_clip-small", name, small, 32, 3)
    vision = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 40, "patch_size": 8}
    hf = check_transformers("transformers-small", hf_config(projection_dim=32, layer_norm_eps=0.05, **vision), 3)
    check_transformers("transformers-gelu", hf_config(projection_dim=24, hidden_act="gelu", **vision), 3)
    check_heads(small, "small", hf, folder / "transformers-small" / "clip")
    check_refusals(name)
    check_masks()
    check_unpickling(small)
    del small, hf
    if "--small" in sys.argv[3:]:
        return
    check_openclip("open_clip-ViT-B-32", "ViT-B-32-quickgelu", shaken(open_clip.create_model("ViT-B-32-quickgelu"), 0.01), 224, 12)
    config = transformers.CLIPConfig(text_config={"num_hidden_layers": 1})  # everything else is ViT-B/32
    check_transformers("transformers-ViT-B-32", config, 12)


main()
