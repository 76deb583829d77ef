"""Writes golden/t5/<version>.pt, what models/export_t5.py makes of a small T5 with random weights, and <version>.safetensors, what `transformers` itself makes
of some padded batches in fp64 (its norms are fp32 at any precision). Needs transformers:

    bash -c '. tests/interop/clip_venv.sh && "$python" tests/golden/t5.py'

Tensors of batch i, in the letters of models/t5.py: input_ids.i, input_mask.i [B, S]; choices.i, choice_mask.i [B, C, T]; and from the library
states.i [B, S, d], 0 at padding; scores.i [B, C]; losses.i [B], of the last choice; next_logits.i [B, V], after all but the last token of the first
choices; greedy.i [B, NEW], 0 after the end.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save

HERE = Path(__file__).parent
INTEROP = HERE.parent / "interop"
sys.path.insert(0, str(INTEROP))
import clip_run  # noqa: E402

clip_run.declare()
import transformers  # noqa: E402

NEW = 12  # tokens generated at most
CLEAR = 1e-3  # the least difference between the likeliest and the second token at every step of the generation
SIZES = ((3, 9, 4, 5), (1, 150, 2, 130), (2, 6, 10, 1))  # B, S, C, T; the second exceeds the distance that buckets of positions tell apart
COMMON = {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "vocab_size": 90, "d_model": 24, "d_kv": 8, "num_heads": 2, "d_ff": 40,
          "num_layers": 2, "num_decoder_layers": 3, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}  # fmt: skip
VERSIONS = {"v1_0_tied": {"feed_forward_proj": "relu"}, "v1_1_untied": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}}


class Unfit(Exception):
    """These weights make a poor reference: the next seed."""


def random_model(config):
    """No parameter at its initial value, and attention that is far from even."""
    model = transformers.T5ForConditionalGeneration(config)
    if not config.scale_decoder_outputs:  # v1.1, which the library would tie
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(2 if "relative" in name or ".q." in name else 1).add_(0.1 * torch.randn(parameter.shape))
        if model.lm_head.weight is not model.shared.weight:
            model.lm_head.weight.mul_(0.4)
    return model.eval()


def padded(shape, least, generator, vocabulary):
    """Tokens [..., L] without the special ones, of lengths from `least` to L, one of them L. -> tokens, mask"""
    rows, length = shape[:-1], shape[-1]
    lengths = torch.randint(least, length + 1, rows, generator=generator)
    lengths.view(-1)[-1] = length
    mask = (torch.arange(length) < lengths.unsqueeze(-1)).long()
    return torch.randint(3, vocabulary, shape, generator=generator) * mask, mask


def reference(model, B, S, C, T, generator):
    ids, mask = padded((B, S), max(1, S // 3), generator, model.config.vocab_size)
    choices, choice_mask = padded((B, C, T), min(2, T), generator, model.config.vocab_size)
    states = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    scores, losses = [], None
    for labels, real in zip(choices.unbind(1), choice_mask.unbind(1)):
        shifted = torch.nn.functional.pad(labels[:, :-1], (1, 0))
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=shifted).logits
        tokens = logits.log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2) * real
        scores.append(tokens.sum(1))
        losses = -tokens.sum(1) / real.sum(1)
    start = torch.nn.functional.pad(choices[:, 0, :-1], (1, 0))
    following = model(input_ids=ids, attention_mask=mask, decoder_input_ids=start).logits[:, -1]
    out = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, num_beams=1, use_cache=False,
                         output_scores=True, return_dict_in_generate=True)  # fmt: skip
    greedy = torch.nn.functional.pad(out.sequences[:, 1:], (0, NEW - out.sequences.shape[1] + 1))
    leads = [(top[:, 0] - top[:, 1])[greedy[:, :step].ne(1).all(1)] for step, top in enumerate(logits.topk(2).values for logits in out.scores)]
    if torch.cat(leads).min() < CLEAR:
        raise Unfit
    return {"input_ids": ids, "input_mask": mask, "choices": choices, "choice_mask": choice_mask, "states": states * mask.unsqueeze(2),
            "scores": torch.stack(scores, 1), "losses": losses, "next_logits": following, "greedy": greedy}  # fmt: skip


def batches(model):
    """Name -> tensor of all batches. Unfit if no generation comes to its end."""
    generator, tensors = torch.Generator().manual_seed(2), {}
    for index, sizes in enumerate(SIZES):
        tensors |= {f"{name}.{index}": value.contiguous() for name, value in reference(model, *sizes, generator).items()}
    if not any((value == 1).any() for name, value in tensors.items() if name.startswith("greedy")):
        raise Unfit
    return tensors


@torch.no_grad()
def write(version, choice, seed):
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(COMMON | choice))
        model = random_model(transformers.T5Config.from_pretrained(folder))
        model.save_pretrained(folder)
        tensors = batches(model.double())
        config.write_text(json.dumps(COMMON | choice))  # as published ones say it, not as this version of the library does
        subprocess.run([sys.executable, INTEROP / "clip_run.py", HERE.parents[1] / "models" / "export_t5.py", "--model", folder,
                        "--out", HERE / "t5" / f"{version}.pt"], check=True)  # fmt: skip
    (HERE / "t5" / f"{version}.safetensors").write_bytes(save(tensors))


def main():
    (HERE / "t5").mkdir(exist_ok=True)
    for version, choice in VERSIONS.items():
        for seed in itertools.count(1):
            with contextlib.suppress(Unfit):
                write(version, choice, seed)
                break


main()
