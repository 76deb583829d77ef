"""What models/export_t5.py makes of transformers' T5, v1.0 and v1.1, from folders and configurations. Run by t5_test.sh.

The library is the reference: its encoder states, log-probabilities, losses, gradients and greedy tokens. All weights are random, none is at its initial value.
"""

import contextlib
import io
import json
import logging
import runpy
import sys
from pathlib import Path

import clip_run
import torch

clip_run.declare()
logging.disable(logging.WARNING)
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

MODELS = Path(__file__).parents[2] / "models"
sys.path.insert(0, str(MODELS))
folder = Path(sys.argv[1])
SMALL = {"model_type": "t5", "vocab_size": 200, "d_model": 48, "d_kv": 8, "num_heads": 5, "d_ff": 72, "num_layers": 3, "num_decoder_layers": 2,
         "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "architectures": ["T5ForConditionalGeneration"]}  # fmt: skip
VERSIONS = {"v1_0": {"feed_forward_proj": "relu"}, "v1_1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}}
torch.manual_seed(1)


def exporter(*arguments):
    """Runs models/export_t5.py as the command line would. -> exit code, what it printed on stderr"""
    errors, code, before = io.StringIO(), 0, sys.argv
    sys.argv = ["export_t5.py", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
            runpy.run_path(str(MODELS / "export_t5.py"), run_name="__main__")
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    return code, errors.getvalue()


def exported(*arguments):
    code, errors = exporter(*arguments)
    assert code == 0, (arguments, code, errors)


def refused(facts, out, *arguments):
    """Exit code 2, one message with all facts, and no file at `out`, not even a temporary one."""
    code, errors = exporter(*arguments, "--out", out)
    assert code == 2 and all(str(fact) in errors for fact in facts), (arguments, facts, code, errors)
    assert not out.exists() and not list(out.parent.glob(f".{out.name}*")), (out, list(out.parent.iterdir()))


def relative(got, want):
    difference = ((got.double() - want.double()).abs().max() / want.double().abs().max()).item()
    return difference if difference == difference else float("inf")


def close(got, want, *label):
    error = relative(got, want)
    assert error <= 1e-4, (*label, error)


def checkpoint(name, config, **changed):
    """A folder as the library saves it, but with the configuration as it is published."""
    here = folder / name
    here.mkdir()
    (here / "config.json").write_text(json.dumps(config))
    model = transformers.T5ForConditionalGeneration(transformers.T5Config.from_pretrained(here))
    if config.get("tie_word_embeddings") is False:
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    model.save_pretrained(here)
    (here / "config.json").write_text(json.dumps(config | changed))
    return here, model.eval()


def batch():
    ids, choices = torch.randint(3, 200, (3, 140)), torch.randint(3, 200, (3, 4, 40))
    mask, real = torch.ones_like(ids), torch.ones_like(choices)
    mask[1, 20:], mask[2, 1:], real[0, 1, 3:], real[2, :, 1:], real[1, 2] = 0, 0, 0, 0, 0
    return ids * mask, mask, choices * real, real


def check_version(name, choice):
    here, model = checkpoint(name, SMALL | choice)
    tied = name == "v1_0"
    exported("--model", here, "--out", here / "model.pt", "--base", here / "base.safetensors")
    exported("--model", here, "--out", here / "skeleton.pt", "--skeleton")
    module, weights = torch.jit.load(here / "model.pt").eval(), load_file(here / "base.safetensors")

    # Names are the library's; what is tied exists once.
    aliases = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"} | ({"lm_head.weight"} if tied else set())
    assert weights.keys() == model.state_dict().keys() - aliases, weights.keys() ^ model.state_dict().keys()
    assert dict(module.named_parameters()).keys() == weights.keys() and not list(module.buffers()), name

    ids, mask, choices, real = batch()
    states = module.encode(ids, mask)
    want = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    close(states[mask == 1], want[mask == 1], name, "states")
    scores = module.score(states, mask, choices, real)
    assert (scores[1, 2] == 0).all(), "a choice without tokens"
    for row in range(4):
        labels = torch.nn.functional.pad(choices[:, row, :-1], (1, 0))
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=labels).logits
        tokens = logits.log_softmax(-1).gather(2, choices[:, row].unsqueeze(2)).squeeze(2) * real[:, row]
        close(scores[:, row], tokens.sum(1), name, "scores", row)
    # Beyond what score() takes at a time.
    many = [it.repeat(1, 10, 1) for it in (choices, real)]
    close(module.score(states, mask, *many), scores.repeat(1, 10), name, "many choices")

    # Gradients of the mean log-probability of one example, as statistics need them.
    for example in range(3):
        count = int(real[example, 0].sum())
        target = choices[example : example + 1, 0, :count]
        model.zero_grad()
        model(input_ids=ids[example : example + 1], attention_mask=mask[example : example + 1], labels=target.clone()).loss.backward()
        module.zero_grad()
        module(ids[example : example + 1], mask[example : example + 1], choices[example : example + 1, 0], real[example : example + 1, 0]).sum().backward()
        got, wanted = ({key: value.grad for key, value in it.named_parameters()} for it in (module, model))
        largest = max(value.abs().max().item() for value in wanted.values())
        for key in got:  # where the input is a single token, gradients of cross attention's q and k are zero but for rounding
            scale = max(wanted[key].abs().max().item(), 1e-2 * largest)
            difference = (got[key] - wanted[key]).abs().max().item()
            assert difference <= 1e-4 * scale, (name, key, example, difference, scale)

    # Greedy tokens.
    theirs = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=10, do_sample=False, num_beams=1, use_cache=False)
    ours = torch.zeros(3, 1, dtype=torch.long)
    while ours.shape[1] < theirs.shape[1]:
        chosen = module.next_logits(states, mask, ours).argmax(1)
        ours = torch.cat([ours, chosen.masked_fill((ours == 1).any(1), 0).unsqueeze(1)], 1)
    assert (ours == theirs).all(), (name, ours, theirs)

    # Dropout is there in training and only there; without weights nothing comes out, with them the same.
    module.train()
    assert relative(module.encode(ids, mask), states) > 0.01, name
    skeleton = torch.jit.load(here / "skeleton.pt").eval()
    assert (here / "skeleton.pt").stat().st_size < (here / "model.pt").stat().st_size / 2 and skeleton.encode(ids, mask).isnan().all(), name
    for key, parameter in skeleton.named_parameters():
        parameter.data = weights[key]
    assert (skeleton.encode(ids, mask) == states).all(), name

    # Each product with a weight is a linear operation of its own: 7 or 6 a block of the encoder, 11 or 10 of the decoder, and the head.
    operations = str(module.inlined_graph).count("aten::linear(")
    dense = 3 if "gated" in choice["feed_forward_proj"] else 2
    assert operations == 3 * (4 + dense) + 2 * (8 + dense) + 1, (name, operations)


def check_random():
    """A configuration alone: random weights, of the seed."""
    path = folder / "config.json"
    path.write_text(json.dumps(SMALL | VERSIONS["v1_1"]))
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        exported("--model", path, "--seed", seed, "--out", folder / f"{out}.pt", "--base", folder / f"{out}.safetensors")
    a, b, c = (load_file(folder / f"{out}.safetensors") for out in "abc")
    assert all((a[key] == b[key]).all() for key in a) and (a["shared.weight"] != c["shared.weight"]).any()
    assert "lm_head.weight" in a and (a["lm_head.weight"] != a["shared.weight"]).any()
    assert (folder / "a.pt").read_bytes() == (folder / "b.pt").read_bytes()


@torch.no_grad()
def check_vectors():
    """With the vectors of (IA)^3, it is the library's model whose weights have them folded in."""
    here, model = checkpoint("ia3", SMALL | VERSIONS["v1_1"])
    exported("--model", here, "--ia3", "--out", here / "model.pt", "--base", here / "base.safetensors")
    module, weights = torch.jit.load(here / "model.pt").eval(), load_file(here / "base.safetensors")
    vectors = {key for key in weights if key.endswith(".ia3_l")}
    places = ("SelfAttention.k", "SelfAttention.v", "EncDecAttention.k", "EncDecAttention.v", "DenseReluDense.wi_1")
    assert {key.removesuffix(".weight") + ".ia3_l" for key in weights if key.endswith(tuple(f"{it}.weight" for it in places))} == vectors, vectors
    assert len(vectors) == 3 * 3 + 2 * 5 and all((weights[key] == 1).all() for key in vectors)
    parameters, library = dict(module.named_parameters()), model.state_dict()
    for key in vectors:
        parameters[key].add_(0.3 * torch.randn(parameters[key].shape))
        library[key.removesuffix("ia3_l") + "weight"].mul_(parameters[key].unsqueeze(1))
    ids, mask, choices, real = batch()
    states = module.encode(ids, mask)
    close(states[mask == 1], model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state[mask == 1], "ia3", "states")
    labels = choices[:, 0].masked_fill(real[:, 0] == 0, -100)
    close(module(ids[:1], mask[:1], choices[:1, 0], real[:1, 0]), model(input_ids=ids[:1], attention_mask=mask[:1], labels=labels[:1]).loss.view(1), "ia3", "loss")


def check_refusals():
    out = folder / "refused" / "model.pt"
    out.parent.mkdir()
    path = folder / "other.json"
    for changed, facts in (({"model_type": "mt5"}, ["model_type t5", "mt5"]), ({"feed_forward_proj": "gated-silu"}, ["gated-silu"]),
                           ({"decoder_start_token_id": 5}, ["decoder_start_token_id", 5])):  # fmt: skip
        path.write_text(json.dumps(SMALL | changed))
        refused([path, *facts], out, "--model", path)
    path.write_text(json.dumps(SMALL))
    refused([path, "--ia3", "wi_1", "relu"], out, "--model", path, "--ia3")
    path.write_text("[")
    refused([path, "not JSON"], out, "--model", path)
    refused([folder / "nowhere"], out, "--model", folder / "nowhere")
    here, _ = checkpoint("damaged", SMALL)
    tensors = load_file(here / "model.safetensors")
    lacking = tensors.pop("decoder.block.1.layer.1.EncDecAttention.k.weight")
    assert lacking.numel()
    save_file(tensors, here / "model.safetensors", {"format": "pt"})
    refused([here, "decoder.block.1.layer.1.EncDecAttention.k.weight"], out, "--model", here)


for version, chosen in VERSIONS.items():
    check_version(version, chosen)
check_random()
check_vectors()
check_refusals()
print("t5: states, scores, losses, gradients and greedy tokens are the library's; names, ties, skeletons and refusals as stated")
