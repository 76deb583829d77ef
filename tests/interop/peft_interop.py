"""LoRA adapters between isomerge and the PEFT library, run by peft_test.sh. A further argument: `written` or `read`, one half alone.

written  adapters that isomerge writes (convert --adapter-of; the mini suite's, by finetune --lora) are loaded by PEFT, which merges them: base + B A.
read     random adapters that PEFT writes, in many configurations: the expert that isomerge makes of base and adapter is PEFT's merge_and_unload().
All within 1e-6. The weights of the models are random; those of the mini suite are the shipped ones.
"""

import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import clip_run
import torch

clip_run.declare()
logging.disable(logging.WARNING)
import peft  # noqa: E402
from peft_models import BASE_32, Packed, clip, difference, gpt2, merged, out_proj_times, save, state, t5  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

isomerge, folder, only = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3:]
TOP = Path(__file__).resolve().parent.parent.parent
TOLERANCE = 1e-6
torch.manual_seed(1)


def run(*arguments):
    return subprocess.run([isomerge, *map(str, arguments), "--quiet"], capture_output=True, text=True)


def program(*arguments):
    result = run(*arguments)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


def check(what, got, want):
    error = difference(got, want)
    assert error <= TOLERANCE, f"{what}: {error:.2e}"
    print(f"  {what}: {error:.1e}")


# written


def by_peft(model, adapter):
    """The model's tensors after PEFT merged the adapter into it. A key that PEFT misses, or does not know, is an error."""
    base = state(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = peft.PeftModel.from_pretrained(model, adapter)
    return merged(loaded, base)


def updated(base, adapter):
    """base + B A, straight from the file."""
    factors, out = load_file(adapter / "adapter_model.safetensors"), dict(base)
    for key in factors:
        module, _, kind = key.removeprefix("base_model.model.").partition(".lora_")
        other = key.replace("lora_A", "lora_B").replace("embedding_A", "embedding_B")
        if kind == "A.weight":
            module = module.replace(".base_layer", "")
            name = next(name for name in (f"{module}.weight", f"{module}.in_proj_weight") if name in base)
            out[name] = (base[name].double() + factors[other].double() @ factors[key].double()).float()
        elif kind == "embedding_A":
            out[f"{module}.weight"] = (base[f"{module}.weight"].double() + (factors[other].double() @ factors[key].double()).T).float()
    return out


def extracted(name, model, changes, *options):
    """An expert whose tensors `changes(name)` say so differ at random from the base's; the adapter that isomerge extracts from it."""
    base = save(model, folder / f"{name}.safetensors")
    expert = {key: value + 0.05 * torch.randn(value.shape) if changes(key) else value for key, value in base.items()}
    save_file(expert, folder / f"{name}_expert.safetensors")
    out = folder / f"{name}_adapter"
    report = json.loads(program("convert", folder / f"{name}_expert.safetensors", f"{out}/", "--adapter-of", folder / f"{name}.safetensors", "--json", *options))
    return base, expert, out, report


def is_linear(name):
    return name.endswith("_proj.weight") or name.endswith(("fc1.weight", "fc2.weight"))


def written():
    print("adapters that isomerge writes, merged by PEFT, against base + B A:")
    model = clip()
    base, _, out, report = extracted("clip", model, is_linear, "--rank", 3)
    assert {matrix["rank"] for matrix in report["matrices"]} == {3}
    check("CLIP, rank 3", by_peft(model, out), updated(base, out))

    model = clip()
    base, expert, out, report = extracted("ranks", model, is_linear, "--error", 0.3)
    assert len({matrix["rank"] for matrix in report["matrices"]}) > 2, "the ranks shall differ"
    got = by_peft(model, out)
    check("CLIP, ranks by error", got, updated(base, out))
    assert all((got[name] - expert[name]).norm() <= 0.3001 * (base[name] - expert[name]).norm() for name in filter(is_linear, base))

    model = clip()
    _, expert, out, _ = extracted("exact", model, is_linear, "--rank", 1000)
    check("CLIP, full rank, against the expert", by_peft(model, out), expert)

    model = t5()
    changes = lambda name: name.endswith((".q.weight", ".v.weight", ".wi_0.weight", ".wo.weight", "bias.weight"))  # noqa: E731
    base, _, out, report = extracted("t5", model, changes, "--error", 0.5)
    assert any("relative_attention_bias" in matrix["name"] for matrix in report["matrices"]), "an embedding too"
    check("T5, with an embedding", by_peft(model, out), updated(base, out))

    for part, changes in (("both projections", lambda name: name.endswith("_weight") or name.endswith("proj.weight")),
                          ("out_proj alone", lambda name: name.endswith("0.attn.out_proj.weight"))):  # fmt: skip
        model = Packed()
        base, _, out, _ = extracted("packed", model, changes, "--error", 0.4)
        check(f"torch.nn.MultiheadAttention, {part}", by_peft(model, out), updated(base, out))
    if out_proj_times() != 1:
        print("  (this PEFT adds the update of out_proj twice: counted once here)")

    base = load_file(TOP / "models/mini/vit/base.safetensors")
    for adapter in sorted((TOP / "models/mini/vit/adapters").iterdir()):
        model = Packed(128, 4)
        weights = {name: base[name].float() for name in state(model)}
        model.load_state_dict(weights)
        check(f"finetune --lora, {adapter.name}", by_peft(model, adapter), updated(weights, adapter))


# read

LORA = {"init_lora_weights": False}
ATTENTION = ["q_proj", "k_proj", "v_proj", "out_proj"]
CASES = {
    # name: (model, configuration, how it is saved, what a refusal may name instead of being equal)
    "q, k, v and out": (clip, peft.LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION, lora_dropout=0.1, **LORA)),
    "ViT-B/32's shapes": (lambda: clip(BASE_32), peft.LoraConfig(r=16, lora_alpha=16, target_modules=ATTENTION, lora_dropout=0.1, **LORA)),
    "rank-stabilised": (clip, peft.LoraConfig(r=4, lora_alpha=6, target_modules=ATTENTION, use_rslora=True, **LORA)),
    "patterns": (clip, peft.LoraConfig(r=4, lora_alpha=8, target_modules=[*ATTENTION, "fc1", "fc2"], **LORA,
                                       rank_pattern={"layers.1.self_attn.q_proj": 6, r".*\.fc1": 2, r"^vision_model\.encoder\.layers\.2\.mlp\.fc2": 1},
                                       alpha_pattern={"out_proj": 3, r"layers\.[02]\.self_attn\.q_proj": 5})),
    "patterns, rank-stabilised": (clip, peft.LoraConfig(r=4, lora_alpha=8, target_modules=["fc1", "fc2"], use_rslora=True, **LORA,
                                                        rank_pattern={"fc1": 9}, alpha_pattern={"fc2": 2})),
    "targets by expression": (clip, peft.LoraConfig(r=3, target_modules=r".*layers\.[12]\.(self_attn\.(q|v)_proj|mlp\.fc[12])", **LORA)),
    "all linear layers": (clip, peft.LoraConfig(r=3, target_modules="all-linear", **LORA)),
    "layers to transform": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], layers_to_transform=[1], **LORA)),
    "excluded modules": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], exclude_modules=r".*layers\.0\..*", **LORA)),
    "an embedding": (clip, peft.LoraConfig(r=3, target_modules=["position_embedding", "q_proj"], **LORA)),
    "a convolution": (clip, peft.LoraConfig(r=3, target_modules=["patch_embedding"], **LORA), True, "patch_embedding"),
    "pytorch_model.bin": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], **LORA), False),
    "biases": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], bias="lora_only", **LORA), True, "bias"),
    "modules to save": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], modules_to_save=["visual_projection"], **LORA), True, "modules_to_save"),
    "DoRA": (clip, peft.LoraConfig(r=3, target_modules=["q_proj"], use_dora=True, **LORA), True, "dora"),
    "packed attention": (Packed, peft.LoraConfig(r=3, lora_alpha=5, target_modules=["attn", "c_fc"], **LORA)),
    "Conv1D": (gpt2, peft.LoraConfig(r=3, lora_alpha=5, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, **LORA)),
    "T5": (t5, peft.LoraConfig(r=4, lora_alpha=2, target_modules=["q", "v", "wi_0", "wo"], **LORA)),
    "(IA)^3 of T5": (t5, peft.IA3Config(target_modules=["k", "v", "wi_1", "wo"], feedforward_modules=["wi_1", "wo"], init_ia3_weights=False)),
    "(IA)^3 of CLIP": (clip, peft.IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"], init_ia3_weights=False)),
    "VeRA": (clip, peft.VeraConfig(r=4, target_modules=["q_proj"]), True, "vera"),
}


def make(name, build, config, safe=True):
    """The base, a random adapter by PEFT, and the reference: files in a folder of the case."""
    case = folder / "".join(c if c.isalnum() else "_" for c in name)
    case.mkdir()
    model = build()
    base = save(model, case / "base.safetensors")
    wrapped = peft.get_peft_model(model, config)
    with torch.no_grad():
        for key, parameter in wrapped.named_parameters():
            if parameter.requires_grad:  # biases, saved modules and magnitudes too
                parameter.add_(0.1 * torch.randn(parameter.shape))
    wrapped.save_pretrained(case / "adapter", safe_serialization=safe)
    save_file(merged(wrapped, base), case / "reference.safetensors")
    return case


def read():
    print("adapters that PEFT writes, as experts of isomerge, against merge_and_unload():")
    for name, (build, config, *more) in CASES.items():
        case = make(name, build, config, *more[:1])
        want = load_file(case / "reference.safetensors")
        result = run("merge", "--method", "task_arithmetic", "--alpha", 1, "--base", case / "base.safetensors", "--expert", f"t={case / 'adapter'}",
                     "--out", case / "got.safetensors")  # fmt: skip
        if result.returncode == 2 and len(more) == 2:
            assert more[1] in result.stderr.lower(), result.stderr
            assert not (case / "got.safetensors").exists()
            print(f"  {name}: refused, {result.stderr.strip()}")
            continue
        assert result.returncode == 0, (name, result.stderr)
        check(name, load_file(case / "got.safetensors"), want)

    # An adapter of HuggingFace's CLIP with a base under OpenCLIP's names, where q, k and v are rows of one tensor.
    case = folder / "q__k__v_and_out"
    program("convert", case / "base.safetensors", case / "openclip.safetensors", "--names", "openclip")
    program("merge", "--method", "task_arithmetic", "--alpha", 1, "--base", case / "openclip.safetensors", "--expert", f"t={case / 'adapter'}",
            "--out", case / "got_openclip.safetensors")  # fmt: skip
    program("convert", case / "reference.safetensors", case / "want_openclip.safetensors", "--names", "openclip")
    check("q, k, v and out, onto OpenCLIP's names", load_file(case / "got_openclip.safetensors"), load_file(case / "want_openclip.safetensors"))


if __name__ == "__main__":
    if only in ([], ["written"]):
        written()
    if only in ([], ["read"]):
        read()
    print("peft: all equal")
