"""A tree of LoRA experts as KnOTS publishes them, with random factors: a HuggingFace CLIP, small, and a PEFT adapter per task.

    paper_lora_tree.py FOLDER LABELS.json

Writes clip-vit-base-patch32/ with the base and heads.safetensors, and KnOTS-ViT-B-32_lora_R16_TASK/.
"""

import copy
import json
import sys
from pathlib import Path

import clip_run
import torch

clip_run.declare()
import peft  # noqa: E402
import transformers  # noqa: E402
from paper_heads import SIDE, head_of  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 100, "max_position_embeddings": 8,
        "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
# Wider than eight adapters of rank 16 together, so that merges stay in the space of the factors.
VISION = {"hidden_size": 160, "intermediate_size": 192, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": SIDE, "patch_size": 32,
          "projection_dim": 32}  # fmt: skip


def main():
    folder, labels = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    torch.manual_seed(4)
    base = folder / "clip-vit-base-patch32"
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=32)
    model = transformers.CLIPModel(config)
    model.save_pretrained(base)
    tower = transformers.CLIPVisionModelWithProjection(config.vision_config).eval()
    tower.load_state_dict({name: tensor for name, tensor in model.state_dict().items() if name in tower.state_dict()})
    heads = {}
    for task, (train, _) in labels.items():
        lora = peft.LoraConfig(r=16, lora_alpha=16, lora_dropout=0.1, target_modules=["q_proj", "k_proj", "v_proj", "out_proj"], init_lora_weights=False)
        expert = peft.get_peft_model(copy.deepcopy(tower), lora).eval()
        for name, factor in expert.named_parameters():
            factor.data.mul_(8 if "lora_B" in name else 1)  # experts that answer otherwise than the base
        expert.save_pretrained(folder / f"KnOTS-ViT-B-32_lora_R16_{'stanford_cars' if task == 'cars' else task}")
        heads[task] = head_of(lambda images, model=expert: model(pixel_values=images).image_embeds, task, train)
    save_file(heads, base / "heads.safetensors")


main()
