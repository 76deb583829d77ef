"""Small models with random weights, and what PEFT makes of them: for peft_interop.py."""

import copy

import peft
import torch
import transformers
from safetensors.torch import save_file

SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 16, "patch_size": 8, "projection_dim": 24}
BASE_32 = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 2, "num_attention_heads": 12, "image_size": 224, "patch_size": 32,
           "projection_dim": 512}  # fmt: skip


def clip(shape=None):
    """The vision tower of a CLIP."""
    return transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**(shape or SMALL))).eval()


def t5():
    return transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=60, d_model=32, d_kv=8, d_ff=40, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
        decoder_start_token_id=0)).eval()  # fmt: skip


def gpt2():
    """Its layers are Conv1D: weights lie [in, out]."""
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=20)).eval()


class Attention(torch.nn.Module):
    """A block of OpenCLIP: torch.nn.MultiheadAttention, whose projections of q, k and v are one tensor."""

    def __init__(self, width=16):
        super().__init__()
        self.attn = torch.nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = torch.nn.Sequential()
        self.mlp.add_module("c_fc", torch.nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", torch.nn.GELU())
        self.mlp.add_module("c_proj", torch.nn.Linear(4 * width, width))

    def forward(self, x):
        return self.mlp(self.attn(x, x, x)[0])


class Packed(torch.nn.Module):
    """A transformer under OpenCLIP's names: visual.transformer.resblocks.0.attn.in_proj_weight ..."""

    def __init__(self, width=16, layers=2):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.transformer = torch.nn.Module()
        self.visual.transformer.resblocks = torch.nn.ModuleList(Attention(width) for _ in range(layers))

    def forward(self, x):
        for block in self.visual.transformer.resblocks:
            x = block(x)
        return x


def state(model):
    """Copies of a model's tensors, one of those that are tied under their first name, as a file may have them."""
    seen, out = set(), {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            out[name] = tensor.detach().clone().contiguous()
        seen.add(tensor.data_ptr())
    return out


def save(model, path):
    weights = state(model)
    save_file(weights, path, metadata={"format": "pt"})
    return weights


def out_proj_times():
    """How often PEFT adds the update of a torch.nn.MultiheadAttention's out_proj: 2 from 0.17 to 0.21 at least, a fault (huggingface/peft#3774); it should be 1."""
    model = peft.get_peft_model(Packed(8, 1), peft.LoraConfig(r=2, lora_alpha=2, target_modules=["attn"], init_lora_weights=False))
    layer = model.base_model.model.visual.transformer.resblocks[0].attn.base_layer.out_proj
    before, update = layer.base_layer.weight.detach().clone(), layer.get_delta_weight("default").detach()
    added = model.merge_and_unload().visual.transformer.resblocks[0].attn.out_proj.weight.detach() - before
    return round(((added * update).sum() / update.pow(2).sum()).item())


def merged(peft_model, base):
    """What PEFT merges, under the names of the base; the update of an attention's out_proj counted once."""
    weights = copy.deepcopy(peft_model).merge_and_unload().state_dict()
    times = out_proj_times() if isinstance(peft_model.base_model.model, Packed) else 1
    out = {name: weights[name].detach().clone() for name in base}
    for name in out:
        if name.endswith("attn.out_proj.weight"):
            out[name] = base[name] + (out[name] - base[name]) / times
    return out


def difference(got, want):
    """The largest |got - want|, over the largest |want| where that is above 1."""
    assert got.keys() == want.keys(), got.keys() ^ want.keys()
    worst = 0.0
    for name, tensor in want.items():
        assert got[name].shape == tensor.shape, name
        if tensor.is_floating_point():
            error = (got[name].double() - tensor.double()).abs().max().item() / max(1.0, tensor.abs().max().item())
            assert error == error, f"{name}: NaN"
            worst = max(worst, error)
    return worst
