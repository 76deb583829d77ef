"""eager_choices.py --suite SUITE.json --weights FILE: seconds that transformers takes to answer a language suite's multiple-choice tasks in eager mode, the yardstick
of choices_bench.py.

As the code of MaTS does it: batches of 32 examples in their order, filled up to the longest; the prompt is encoded once, its states are repeated for each choice, and the
summed log-probability of a choice comes from one pass over the decoder. Tokens are made before the clock starts, and one batch runs before it. Prints JSON: per task the
seconds and the answers.
"""
import argparse
import json
import pathlib
import re
import sys
import time
import warnings

import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import clip_run

clip_run.declare()
import sentencepiece
import transformers
from safetensors.torch import load_file

BATCH = 32


def model_of(weights):
    state = {name: value.float() for name, value in load_file(weights).items()}
    count = lambda stack: 1 + max(int(re.match(rf"{stack}\.block\.(\d+)", name)[1]) for name in state if name.startswith(f"{stack}.block"))
    heads = state["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"].shape[1]
    inner, width = state["encoder.block.0.layer.0.SelfAttention.q.weight"].shape
    config = transformers.T5Config(vocab_size=len(state["shared.weight"]), d_model=width, d_kv=inner // heads, num_heads=heads,
                                   d_ff=len(state["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"]), num_layers=count("encoder"),
                                   num_decoder_layers=count("decoder"), feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                                   decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
    model.lm_head.weight = torch.nn.Parameter(torch.empty_like(state["lm_head.weight"]))  # the library would tie it
    model.load_state_dict(state | {f"{stack}.embed_tokens.weight": state["shared.weight"] for stack in ("encoder", "decoder")})
    return model.eval()


def padded(rows):
    out = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for line, row in zip(out, rows):
        line[: len(row)] = torch.tensor(row)
    return out, (torch.arange(out.shape[1]) < torch.tensor([[len(row)] for row in rows])).long()


def answers(model, batch):
    prompts, choices = [it[0] for it in batch], [it[1] for it in batch]
    count = len(choices[0])
    (ids, mask), (labels, real) = padded(prompts), padded([row for rows in choices for row in rows])
    states = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    outputs = transformers.modeling_outputs.BaseModelOutput(states.repeat_interleave(count, 0))
    shifted = torch.nn.functional.pad(labels[:, :-1], (1, 0))
    logits = model(encoder_outputs=outputs, attention_mask=mask.repeat_interleave(count, 0), decoder_input_ids=shifted, use_cache=False).logits
    scores = (logits.float().log_softmax(-1).gather(2, labels[:, :, None]).squeeze(2) * real).sum(1)
    return scores.view(-1, count).argmax(1).tolist()


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", type=pathlib.Path, required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    suite = json.loads(re.sub(r"(?m)^\s*//.*$", "", args.suite.read_text()))
    folder, model = args.suite.parent, model_of(args.weights)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / suite["tokenizer"]))
    encode = lambda text: tokenizer.encode(text)[: suite["most_tokens"] - 1] + [1]
    found = {}
    for task in suite["tasks"]:
        examples = [json.loads(line) for line in (folder / task["data"]).read_text().splitlines()]
        rows = [(encode(it["prompt"]), [encode(choice) for choice in it["choices"]]) for it in examples if it["split"] == "test" and "choices" in it]
        if not rows:
            continue
        answers(model, rows[:BATCH])
        start = time.perf_counter()
        got = [answer for first in range(0, len(rows), BATCH) for answer in answers(model, rows[first : first + BATCH])]
        found[task["name"]] = {"seconds": time.perf_counter() - start, "answers": got,
                               "right": sum(a == it["answer"] for a, it in zip(got, (it for it in examples if it["split"] == "test")))}  # fmt: skip
    print(json.dumps(found))


main()
