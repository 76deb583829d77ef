"""CLIP under OpenCLIP's and HuggingFace's names, run by names_test.sh. Further arguments: --small, without the merges of ViT-B/32; or the methods to merge with.

The libraries are the reference: what isomerge converts from one is loaded by the other, strictly, and gives the same image and text features.
Then four experts of a ViT-B/32 are merged with --attention split under both names: the tensors are equal bit for bit. All weights are random.
"""

import json
import logging
import subprocess
import sys
from pathlib import Path

import clip_run
import torch

clip_run.declare()
logging.disable(logging.WARNING)
import open_clip  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

isomerge, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
SMALL = {"embed_dim": 24, "quick_gelu": True,
         "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "head_width": 16, "patch_size": 8, "mlp_ratio": 3.0},
         "text_cfg": {"context_length": 20, "vocab_size": 100, "width": 32, "heads": 2, "layers": 2}}  # fmt: skip
METHODS = ("average", "task_arithmetic", "ties", "consensus_ta", "iso_c", "tsv_m", "iso_cts")
torch.manual_seed(1)


def program(*arguments):
    result = subprocess.run([isomerge, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


def convert(source, target, names, *more):
    return json.loads(program("convert", source, target, "--names", names, "--json", "--quiet", *more))


def shaken(model, scale=0.05):
    """Every parameter away from its initial value."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape))
    return model.eval()


def hugging_face(small=SMALL):
    """transformers' model of the same architecture."""
    vision, text = small["vision_cfg"], small["text_cfg"]
    config = transformers.CLIPConfig(
        projection_dim=small["embed_dim"],
        vision_config={"hidden_size": vision["width"], "intermediate_size": int(vision["mlp_ratio"] * vision["width"]),
                       "num_hidden_layers": vision["layers"], "num_attention_heads": vision["width"] // vision["head_width"],
                       "image_size": vision["image_size"], "patch_size": vision["patch_size"], "hidden_act": "quick_gelu"},
        text_config={"hidden_size": text["width"], "intermediate_size": 4 * text["width"], "num_hidden_layers": text["layers"],
                     "num_attention_heads": text["heads"], "vocab_size": text["vocab_size"], "max_position_embeddings": text["context_length"],
                     "eos_token_id": text["vocab_size"] - 1, "hidden_act": "quick_gelu"})  # fmt: skip
    return transformers.CLIPModel(config)


def tensor_of(output):
    return output if isinstance(output, torch.Tensor) else output.pooler_output


@torch.no_grad()
def compare(label, openclip, hf):
    """Image and text features of both models, on the same random images and words."""
    images = torch.randn(4, 3, 32, 32)
    words = torch.randint(0, 98, (4, 20))
    words[:, 11] = 99  # the end of the text, whose feature counts
    worst = 0.0
    for want, got in ((openclip.encode_image(images), hf.get_image_features(pixel_values=images)),
                      (openclip.encode_text(words), hf.get_text_features(input_ids=words))):  # fmt: skip
        difference = ((tensor_of(got) - want).abs().max() / want.abs().max()).item()
        assert difference <= 1e-5, (label, difference)
        worst = max(worst, difference)
    assert torch.equal(openclip.logit_scale, hf.logit_scale), label
    print(f"{label}: features differ by {worst:.1e}")


def check_features():
    name = folder / "small.json"
    name.write_text(json.dumps(SMALL))
    open_clip.add_model_config(str(name))
    openclip, hf = shaken(open_clip.create_model("small")), hugging_face()
    torch.save(openclip.state_dict(), folder / "openclip.pt")
    convert(folder / "openclip.pt", folder / "to_hf.safetensors", "hf")
    hf.load_state_dict(load_file(folder / "to_hf.safetensors"))
    compare("open_clip -> transformers", openclip, hf.eval())

    other = shaken(hugging_face())
    other.save_pretrained(folder / "hf")
    convert(folder / "hf", folder / "to_openclip.safetensors", "openclip")
    openclip.load_state_dict(load_file(folder / "to_openclip.safetensors"))
    compare("transformers -> open_clip", openclip, other)

    # There and back: the tensors, and the bytes of a file that isomerge wrote.
    for source, there, back in (("to_hf", "openclip", "hf"), ("to_openclip", "hf", "openclip")):
        convert(folder / f"{source}.safetensors", folder / "there.safetensors", there)
        convert(folder / "there.safetensors", folder / "back.safetensors", back)
        assert (folder / "back.safetensors").read_bytes() == (folder / f"{source}.safetensors").read_bytes(), source

    # A tower alone, as fine-tuned folders hold it: this version of the library leaves out its prefix, older ones did not.
    tower = shaken(transformers.CLIPVisionModel(other.config.vision_config))
    tower.save_pretrained(folder / "tower")
    bare = load_file(folder / "tower" / "model.safetensors")
    save_file({f"vision_model.{key}": value for key, value in bare.items() if not key.startswith("vision_model.")}, folder / "old.safetensors")
    convert(folder / "tower", folder / "tower.safetensors", "openclip", "--prefix", "model.")
    convert(folder / "old.safetensors", folder / "old_tower.safetensors", "openclip", "--prefix", "model.")
    first, second = load_file(folder / "tower.safetensors"), load_file(folder / "old_tower.safetensors")
    expected = {f"model.visual.{key}" for key in openclip.visual.state_dict() if key != "proj"}
    assert first.keys() == second.keys() == expected, first.keys() ^ expected
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    openclip.visual.load_state_dict({key.removeprefix("model.visual."): value for key, value in first.items()}, strict=False)
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        want, got = tower(pixel_values=images).pooler_output @ openclip.visual.proj, openclip.encode_image(images)
    difference = ((got - want).abs().max() / want.abs().max()).item()
    assert difference <= 1e-5, difference
    print(f"a tower alone: {len(first)} tensors, features differ by {difference:.1e}; there and back the same bytes")


def merge(method, attention, suffix, out, tasks):
    experts = [word for task in tasks for word in ("--expert", f"{task}={folder / f'{task}_{suffix}.safetensors'}")]
    program("merge", "--method", method, "--attention", attention, "--base", folder / f"base_{suffix}.safetensors", *experts, "--out", out, "--quiet")
    return out


def check_merges():
    """Full shapes: packed q, k, v of 2304 x 768 on one side, three matrices of 768 x 768 on the other."""
    state = {f"visual.{name}": value for name, value in shaken(open_clip.create_model("ViT-B-32-quickgelu"), 0.01).visual.state_dict().items()}
    tasks = ("cars", "dtd", "mnist", "svhn")
    for name in ("base", *tasks):
        moved = {key: value + (0.0 if name == "base" else 0.01) * torch.randn(value.shape) for key, value in state.items()}
        save_file(moved, folder / f"{name}_openclip.safetensors")
        convert(folder / f"{name}_openclip.safetensors", folder / f"{name}_hf.safetensors", "hf")
    del state, moved
    base = load_file(folder / "base_openclip.safetensors")
    for method in [word for word in sys.argv[3:] if word in METHODS] or METHODS:
        want = load_file(merge(method, "split", "openclip", folder / "merged.safetensors", tasks))
        merge(method, "split", "hf", folder / "merged_hf.safetensors", tasks)
        convert(folder / "merged_hf.safetensors", folder / "merged_back.safetensors", "openclip")
        got = load_file(folder / "merged_back.safetensors")
        assert got.keys() == want.keys() == base.keys(), got.keys() ^ want.keys()
        unequal = {key for key in want if not torch.equal(got[key], want[key])}
        # One library holds the projection's transpose. Iso-CTS takes what is common from the left of a matrix alone, so its answer is another one there.
        assert unequal <= {"visual.proj"}, (method, sorted(unequal)[:5])
        update = want["visual.proj"] - base["visual.proj"]
        difference = ((got["visual.proj"] - want["visual.proj"]).norm() / update.norm()).item()
        assert difference > 1e-2 if method == "iso_cts" else difference <= 1e-5, (method, difference)
        moved = sum(not torch.equal(want[key], base[key]) for key in want)
        assert moved == len(base), (method, moved)
        print(f"{method}: {len(want) - len(unequal)} of {len(want)} tensors equal bit for bit, visual.proj within {difference:.1e}", flush=True)
    packed = load_file(merge("iso_c", "packed", "openclip", folder / "merged.safetensors", tasks))
    split = load_file(merge("iso_c", "split", "openclip", folder / "merged_split.safetensors", tasks))
    differing = {key for key in split if not torch.equal(packed[key], split[key])}
    assert differing == {f"visual.transformer.resblocks.{i}.attn.in_proj_weight" for i in range(12)}, differing
    print("iso_c, packed: another merge, in the 12 in_proj_weight alone")


check_features()
if "--small" not in sys.argv[3:]:
    check_merges()
