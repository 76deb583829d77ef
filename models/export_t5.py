"""T5 for isomerge: any HuggingFace T5, v1.0 or v1.1, as one TorchScript module with the library's parameter names.

    export_t5.py --model t5-large-lm-adapt --skeleton --out model.pt --base base.safetensors
    export_t5.py --model config.json --seed 1 --out random.pt
    export_t5.py --model t5-large-lm-adapt --ia3 --skeleton --out model.pt --base base.safetensors

The module: encode(input_ids, input_mask), score(states, input_mask, choices, choice_mask), next_logits(states, input_mask, decoder_ids) and
forward(input_ids, input_mask, target, target_mask); t5.py says what each takes and gives. With --ia3 the outputs of k, v and wi_1 are multiplied by vectors
*.ia3_l, all 1: what `isomerge finetune --trainable '*.ia3_l'` trains. Needs torch, safetensors and transformers.
"""

import argparse
import json
from pathlib import Path

import torch
from files import Refused, empty, require_same, run, write_script, write_tensors
from t5 import T5, Shape

TOLERANCE = 1e-4  # largest relative difference to the library's numbers that is rounding
ALIASES = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}  # other names of shared.weight
ACTIVATIONS = {"relu": "relu", "gelu_new": "gelu_new", "gelu_pytorch_tanh": "gelu_new"}


def read_config(source):
    """The configuration as it is in the file or folder: the library may give it other values than those it says."""
    path = Path(source)
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise Refused(f"{path}: not JSON: {error}") from None
    if not isinstance(config, dict) or config.get("model_type") != "t5":
        found = config.get("model_type") if isinstance(config, dict) else type(config).__name__
        raise Refused(f"{path}: expected a configuration of model_type t5, found {found}")
    return config


def is_random(source):
    path = Path(source)
    return path.is_file() or (path.is_dir() and not any(it.suffix in (".safetensors", ".bin") for it in path.iterdir()))


def load(source, seed):
    """The library's model, fp32, in evaluation mode."""
    from transformers import AutoConfig, T5Config, T5ForConditionalGeneration

    said = read_config(source)
    torch.manual_seed(seed)
    try:
        if is_random(source):
            model = T5ForConditionalGeneration(T5Config.from_pretrained(source))
            if said.get("tie_word_embeddings") is False:  # newer versions of the library tie new models all the same
                model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
            return model.eval()
        kind = AutoConfig.from_pretrained(source).model_type
        if kind != "t5":
            raise Refused(f"{source}: expected a configuration of model_type t5, found {kind}")
        model, loading = T5ForConditionalGeneration.from_pretrained(source, dtype=torch.float32, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise Refused(f"{source}: {str(error).splitlines()[0]}") from None
    # The library only warns of these, and makes up random values.
    if lacking := sorted(loading["missing_keys"]):
        raise Refused(f"{source}: {len(lacking)} tensors of a T5 are missing, the first is {lacking[0]}")
    return model.eval()


def shape_of(model, label, vectors):
    config = model.config
    if config.dense_act_fn not in ACTIVATIONS:
        raise Refused(f"{label}: expected the activation relu or gated-gelu, found {config.feed_forward_proj}")
    if vectors and not config.is_gated_act:
        raise Refused(f"{label}: --ia3 has vectors on wi_1, expected a gated feed-forward layer, found {config.feed_forward_proj}")
    for name, wanted in (("decoder_start_token_id", 0), ("pad_token_id", 0), ("eos_token_id", 1)):
        if getattr(config, name) != wanted:
            raise Refused(f"{label}: expected {name} {wanted}, found {getattr(config, name)}")
    # Older versions of the library scale where the embedding is tied, newer ones say so by name and tie separately.
    scaled = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
    tied = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
    return Shape(config.vocab_size, config.d_model, config.d_kv, config.num_heads, config.d_ff, config.num_layers, config.num_decoder_layers,
                 config.is_gated_act, ACTIVATIONS[config.dense_act_fn], tied, scaled, config.relative_attention_num_buckets,
                 config.relative_attention_max_distance, config.dropout_rate, config.layer_norm_epsilon, vectors)  # fmt: skip


def plain(model, shape, label):
    """The module around the library's tensors, without copies."""
    with torch.device("meta"):
        module = T5(shape)
    state = {name: value for name, value in model.state_dict().items() if name not in ALIASES and not (shape.tied and name == "lm_head.weight")}
    if shape.vectors:
        state |= {name: torch.ones(value.shape) for name, value in module.state_dict().items() if name.endswith(".ia3_l")}
    require_same(label, {name: value.shape for name, value in module.state_dict().items()}, {name: value.shape for name, value in state.items()})
    module.load_state_dict(state, assign=True)
    return module.eval()


def batch(vocabulary, generator):
    """Two inputs and their three choices each, padded."""
    ids, choices = (torch.randint(min(2, vocabulary - 1), vocabulary, size, generator=generator) for size in ((2, 140), (2, 3, 6)))
    mask, choice_mask = torch.ones_like(ids), torch.ones_like(choices)
    mask[1, 9:] = 0
    choice_mask[0, 1, 2:] = 0
    return ids * mask, mask, choices * choice_mask, choice_mask


def relative(got, want):
    return ((got - want).abs().max() / want.abs().max()).item()


@torch.no_grad()
def check(model, scripted, label):
    """The module computes what the library computes, on random tokens. -> largest relative difference"""
    ids, mask, choices, choice_mask = batch(model.config.vocab_size, torch.Generator().manual_seed(0))
    states = scripted.encode(ids, mask)
    worst = relative(states * mask.unsqueeze(2), model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state * mask.unsqueeze(2))
    scores, losses = scripted.score(states, mask, choices, choice_mask), scripted(ids, mask, choices[:, 1], choice_mask[:, 1])
    for row in range(choices.shape[1]):
        labels, real = choices[:, row], choice_mask[:, row]
        shifted = torch.nn.functional.pad(labels[:, :-1], (1, 0))
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=shifted).logits
        tokens = logits.log_softmax(-1).gather(2, labels.unsqueeze(2)).squeeze(2) * real
        worst = max(worst, relative(scores[:, row], tokens.sum(1)))
        if row == 1:
            worst = max(worst, relative(losses, -tokens.sum(1) / real.sum(1)))
    worst = max(worst, relative(scripted.next_logits(states, mask, shifted), logits[:, -1]))
    if not worst <= TOLERANCE:
        raise Refused(f"{label}: the exported module differs from the library by {worst:.1e} relative; this T5 has something that the exporter does not know")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="NAME|PATH", help="a folder, a name or a config.json (then weights are random)")
    parser.add_argument("--seed", type=int, default=0, help="of random weights")
    parser.add_argument("--out", required=True, metavar="FILE")
    parser.add_argument("--base", metavar="FILE", help="the weights as safetensors, too")
    parser.add_argument("--skeleton", action="store_true", help="no weights in --out: checkpoints bring them")
    parser.add_argument("--ia3", action="store_true", help="with the vectors of (IA)^3, at 1")
    arguments = parser.parse_args()
    label = f"transformers {arguments.model}"
    model = load(arguments.model, arguments.seed)
    shape = shape_of(model, label, arguments.ia3)
    scripted = torch.jit.script(plain(model, shape, label))
    difference = check(model, scripted, label)
    if arguments.base:
        write_tensors(arguments.base, scripted.state_dict())
    count = sum(value.numel() for value in scripted.parameters())
    if arguments.skeleton:
        empty(scripted)
    write_script(arguments.out, scripted)
    print(f"{arguments.out}: {label}, vocabulary {shape.vocabulary}, width {shape.width}, {shape.encoder_layers} + {shape.decoder_layers} blocks of "
          f"{shape.heads} heads of {shape.head}, {'gated ' if shape.gated else ''}{shape.activation} of {shape.inner}, "
          f"{'tied' if shape.tied else 'own'} head{', scaled' if shape.scaled else ''}{', with vectors' if shape.vectors else ''}, {count:,} parameters; "
          f"differs from the library by {difference:.1e} relative")  # fmt: skip


if __name__ == "__main__":
    run("export_t5", main)
