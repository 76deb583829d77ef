"""Writes golden/statistics_t5.safetensors, golden/statistics_vit.safetensors and golden/statistics_ia3.safetensors: Fisher information and both kinds of Gram matrices of the small T5 v1.1 of t5.py and
of the small CLIP tower of clip.py, by hooks and autograd on the modules of `transformers` in fp64 (T5's norms are fp32 at any precision). Needs transformers:

    bash -c '. tests/interop/clip_venv.sh && "$python" tests/golden/expert_statistics.py'

Tensors: fisher/<parameter>, input/<weight>, output/<weight>, whole matrices, fp32, of some of the parameters; of the tower also its `head` and `labels`.
statistics_ia3 is of the same T5 with random vectors on the outputs of k, v and wi_1: these `vector/<parameter>` themselves, and fisher/<parameter> and
block_fisher/<parameter> of some one-dimensional parameters. Their module, without weights, is golden/t5/v1_1_ia3.pt, by models/export_t5.py --ia3.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "interop"))
import clip_run  # noqa: E402

clip_run.declare()
import transformers  # noqa: E402

T5 = {"model_type": "t5", "vocab_size": 90, "d_model": 24, "d_kv": 8, "num_heads": 2, "d_ff": 40, "num_layers": 2, "num_decoder_layers": 3,
      "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}  # fmt: skip
CLIP = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 24, "patch_size": 8, "layer_norm_eps": 1e-4}


class Watch:
    """Rows that go into the linear layers of a model, and the gradients that come back to what comes out."""

    def __init__(self, model):
        self.names = {module: f"{name}.weight" for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
        self.inputs, self.outputs = {}, {}
        for module in self.names:
            module.register_forward_hook(self.forward)
            module.register_full_backward_hook(self.backward)

    def forward(self, module, inputs, output):
        self.inputs.setdefault(self.names[module], []).append(inputs[0].detach().flatten(0, -2))

    def backward(self, module, grad_input, grad_output):
        self.outputs.setdefault(self.names[module], []).append(grad_output[0].detach().flatten(0, -2))

    @staticmethod
    def gram(parts):
        rows = torch.cat(parts)
        return rows.T @ rows / len(rows)


def collect(model, losses):
    """losses: one function per example."""
    watch, fisher = Watch(model), {}
    for loss in losses:
        model.zero_grad()
        loss().backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                fisher[name] = fisher.get(name, 0) + parameter.grad**2 / len(losses)
    return fisher, {name: watch.gram(parts) for name, parts in watch.inputs.items()}, {name: watch.gram(parts) for name, parts in watch.outputs.items()}


def write(name, fisher, inputs, outputs, parameters, weights, more):
    tensors = {f"fisher/{it}": fisher[it] for it in parameters} | {f"input/{it}": inputs[it] for it in weights} | {f"output/{it}": outputs[it] for it in weights}
    (HERE / f"statistics_{name}.safetensors").write_bytes(save({key: value.float().contiguous() for key, value in (tensors | more).items()}))


def small_t5():
    """The model of t5.py."""
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**T5))
    state = torch.jit.load(HERE / "t5" / "v1_1_untied.pt").state_dict()
    model.lm_head.weight = torch.nn.Parameter(torch.empty_like(state["lm_head.weight"]))  # the library would tie it
    aliases = {f"{stack}.embed_tokens.weight": state["shared.weight"] for stack in ("encoder", "decoder")}
    model.load_state_dict(state | aliases)
    return model.eval()


def losses_of(model):
    """Of the first and the third batch, the last choice as target: a function per example."""
    batch = load_file(HERE / "t5" / "v1_1_untied.safetensors")

    def loss(i, row):
        ids = batch[f"input_ids.{i}"][row][batch[f"input_mask.{i}"][row].bool()]
        target = batch[f"choices.{i}"][row, -1][batch[f"choice_mask.{i}"][row, -1].bool()]
        return lambda: model(input_ids=ids[None], labels=target[None]).loss

    return [loss(i, row) for i in (0, 2) for row in range(len(batch[f"input_ids.{i}"]))]


def t5():
    model = small_t5().double()
    weights = ["encoder.block.0.layer.0.SelfAttention.v.weight", "encoder.block.1.layer.1.DenseReluDense.wo.weight",
               "decoder.block.1.layer.1.EncDecAttention.k.weight", "decoder.block.2.layer.1.EncDecAttention.q.weight",
               "decoder.block.2.layer.2.DenseReluDense.wi_1.weight"]  # fmt: skip
    parameters = [*weights, "shared.weight", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "decoder.final_layer_norm.weight"]
    fisher, inputs, outputs = collect(model, losses_of(model))
    write("t5", fisher, inputs, outputs, parameters, weights, {"input/lm_head.weight": inputs["lm_head.weight"]})


def export_with_vectors(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        (Path(folder) / "config.json").write_text(json.dumps(T5 | {"architectures": ["T5ForConditionalGeneration"]}))  # as published ones say it
        subprocess.run([sys.executable, HERE.parent / "interop" / "clip_run.py", HERE.parents[1] / "models" / "export_t5.py", "--model", folder, "--ia3",
                        "--skeleton", "--out", HERE / "t5" / "v1_1_ia3.pt"], check=True)  # fmt: skip


def ia3():
    model = small_t5()
    export_with_vectors(model)
    model.double()
    torch.manual_seed(4)
    vectors = {}
    for name, module in model.named_modules():
        if name.endswith((".k", ".v", ".wi_1")):
            vector = vectors[f"{name}.ia3_l"] = (1 + 0.3 * torch.randn(module.out_features)).double().requires_grad_()
            module.register_forward_hook(lambda module, inputs, output, vector=vector: output * vector)
    parameters = vectors | {"decoder.final_layer_norm.weight": model.decoder.final_layer_norm.weight}
    losses = losses_of(model)
    gradients = [torch.autograd.grad(loss(), list(parameters.values())) for loss in losses]
    tensors = {f"vector/{name}": value.detach() for name, value in vectors.items()}
    for i, name in enumerate(parameters):
        if "block.1" in name or "norm" in name:
            rows = torch.stack([of[i] for of in gradients])
            tensors |= {f"fisher/{name}": rows.square().mean(0), f"block_fisher/{name}": rows.T @ rows / len(losses)}
    (HERE / "statistics_ia3.safetensors").write_bytes(save({key: value.float().contiguous() for key, value in tensors.items()}))


def vit():
    golden = load_file(HERE / "clip_transformers.safetensors")
    images = golden.pop("images").double()
    golden.pop("features")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": "clip_vision_model", "projection_dim": 16} | CLIP))
        config = transformers.CLIPVisionConfig.from_pretrained(folder, attn_implementation="eager")
    model = transformers.CLIPVisionModelWithProjection(config)
    model.load_state_dict({name: value.float() for name, value in golden.items()}, strict=False)
    missing = set(model.state_dict()) - set(golden) - {"vision_model.embeddings.position_ids"}
    assert not missing, missing
    model.double().eval()
    torch.manual_seed(3)
    head, labels = 5 * torch.randn(4, 16), torch.tensor([2, 0])

    def loss(i):
        def value():
            features = model(pixel_values=images[i : i + 1]).image_embeds
            return torch.nn.functional.cross_entropy(torch.nn.functional.normalize(features) @ head.double().T, labels[i : i + 1])

        return value

    fisher, inputs, outputs = collect(model, [loss(0), loss(1)])
    weights = ["vision_model.encoder.layers.0.self_attn.q_proj.weight", "vision_model.encoder.layers.1.mlp.fc2.weight"]
    write("vit", fisher, inputs, outputs, [*weights, "vision_model.embeddings.class_embedding"], weights, {"head": head, "labels": labels.float()})


t5()
vit()
ia3()
