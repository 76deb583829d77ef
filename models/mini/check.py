"""Recomputes every accuracy of the mini suite from the shipped files alone and prints the table; `--manifest` writes it into MANIFEST.json too.

Exit code 1 if the suite leaves its targets: experts' mean test accuracy >= 90 %, mean zero-shot between 20 % and 65 %, and at least
10 points between zero-shot and expert for every task; LoRA experts' mean at most 3 points below that of the full experts of their tasks,
and at least 8 points between zero-shot and each of them.
"""

import json
import re
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

HERE = Path(__file__).parent
SUITE = HERE.parent.parent / "experiments" / "suites" / "mini_vision.json"
LORA_SUITE = SUITE.with_name("mini_vision_lora.json")
sys.path.insert(0, str(HERE.parent.parent / "data"))
from pack import read_split  # noqa: E402


@torch.no_grad()
def accuracy(module, state, head, images, labels, mean, std):
    for name, parameter in module.named_parameters():
        parameter.copy_(state[name])
    x = (torch.tensor(images).float().div(255).expand(-1, 3, -1, -1) - mean) / std
    features = torch.cat([module(part) for part in x.split(500)])
    predicted = (torch.nn.functional.normalize(features, dim=1) @ head.T).argmax(1)
    return (predicted == torch.tensor(labels.astype("int64"))).float().mean().item() * 100


def recipe(path):
    """How an expert was made, as `isomerge finetune` wrote into its metadata."""
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get("isomerge.finetune.recipe")


def read_suite(path):
    return json.loads(re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.M))


def with_adapter(base, folder):
    """base + B A of every module of a PEFT adapter with one rank and scale 1."""
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["r"] == config["lora_alpha"] and not config["rank_pattern"] and not config["alpha_pattern"], f"{folder}: not of scale 1"
    factors = load_file(folder / "adapter_model.safetensors")
    state = dict(base)
    for key in (key for key in factors if key.endswith(".lora_A.weight")):
        module = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight").replace(".base_layer", "")
        name = next(name for name in (f"{module}.weight", f"{module}.in_proj_weight") if name in base)
        state[name] = base[name].float() + factors[key.replace("lora_A", "lora_B")].float() @ factors[key].float()
    return state


def check_adapters(module, base, heads, mean, std, entries):
    """Prints the LoRA experts' accuracies beside the full ones'; returns their MANIFEST entries and whether they meet their targets."""
    print(f'\n{"task":<14}{"LoRA val":>10}{"test":>7}{"full expert test":>18}')
    adapters, good = {}, True
    for task in read_suite(LORA_SUITE)["tasks"]:
        folder, name = SUITE.parent / task["expert"], task["name"]
        state = with_adapter(base, folder)
        val, test = (accuracy(module, state, heads[name], *read_split(SUITE.parent / task["data"], split)[1:], mean, std) for split in ("val", "test"))
        print(f'{name:<14}{val:>10.1f}{test:>7.1f}{entries[name]["expert"]["test"] * 100:>18.1f}')
        adapters[name] = {"recipe": recipe(folder / "adapter_model.safetensors"), "val": round(val / 100, 4), "test": round(test / 100, 4)}
        good &= adapters[name]["test"] - entries[name]["zero-shot"]["test"] >= 0.08
    means = [sum(tests) / len(adapters) * 100 for tests in zip(*((adapters[name]["test"], entries[name]["expert"]["test"]) for name in adapters))]
    print(f'{"mean":<14}{"":>10}{means[0]:>7.1f}{means[1]:>18.1f}')
    return adapters, good and means[0] >= means[1] - 3


def write_manifest(experts, adapters):
    path = HERE / "MANIFEST.json"
    manifest = {"base": json.loads(path.read_text())["base"], "experts": experts, "adapters": adapters}
    for kind in ("zero-shot", "expert"):
        manifest[f"mean {kind} test accuracy"] = round(sum(entry[kind]["test"] for entry in experts.values()) / len(experts), 4)
    path.write_text(json.dumps(manifest, indent=1) + "\n")


def main():
    suite = read_suite(SUITE)
    at = lambda path: SUITE.parent / path  # noqa: E731
    module = torch.jit.load(str(at(suite["encoder"]))).eval()
    mean, std = (torch.tensor(suite["preprocess"][key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    base, heads = load_file(at(suite["base"])), load_file(at(suite["heads"]))
    shapes = {name: tensor.shape for name, tensor in base.items()}
    assert shapes == {name: tensor.shape for name, tensor in module.named_parameters()}, "encoder.pt and base differ in names or shapes"

    print(f'{"task":<14}{"classes":>8}{"channels":>9}{"val":>6}{"test":>6}{"zero-shot val":>15}{"test":>7}{"expert val":>12}{"test":>7}')
    zero, expert, good, entries = [], [], True, {}
    for task in suite["tasks"]:
        weights = load_file(at(task["expert"]))
        assert shapes == {name: tensor.shape for name, tensor in weights.items()}, f'{task["name"]}: layout differs from the base'
        line, sizes = [], []
        for state in (base, weights):
            for split in ("val", "test"):
                classes, images, labels = read_split(at(task["data"]), split)
                line.append(accuracy(module, state, heads[task["name"]], images, labels, mean, std))
                sizes.append(len(labels))
        print(f'{task["name"]:<14}{len(classes):>8}{images.shape[1]:>9}{sizes[0]:>6}{sizes[1]:>6}{line[0]:>15.1f}{line[1]:>7.1f}{line[2]:>12.1f}{line[3]:>7.1f}')
        zero_shot, trained = ({"val": round(val / 100, 4), "test": round(test / 100, 4)} for val, test in (line[:2], line[2:]))
        entries[task["name"]] = {"recipe": recipe(at(task["expert"])), "zero-shot": zero_shot, "expert": trained}
        zero.append(line[1])
        expert.append(line[3])
        good &= line[3] - line[1] >= 10
    means = sum(zero) / len(zero), sum(expert) / len(expert)
    print(f'{"mean":<14}{"":>29}{"":>15}{means[0]:>7.1f}{"":>12}{means[1]:>7.1f}')
    adapters, adapters_good = check_adapters(module, base, heads, mean, std, entries)
    good &= means[1] >= 90 and 20 <= means[0] <= 65 and adapters_good
    if "--manifest" in sys.argv[1:]:
        write_manifest(entries, adapters)
    print("all targets met" if good else "TARGETS MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
