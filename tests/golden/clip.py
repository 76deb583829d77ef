"""Writes golden/clip_<library>.pt and .safetensors: the exporters' skeletons of two small CLIP towers, their weights (fp16), two images, and what the
library itself makes of them in fp64 (tensors `images`, `features`). Needs open_clip and transformers:

    bash -c '. tests/interop/clip_venv.sh && "$python" tests/golden/clip.py'
"""

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
import open_clip  # noqa: E402
import transformers  # noqa: E402


def prepared(model):
    """Every parameter away from its initial value, and one that fp16 holds."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape)).copy_(parameter.half())
    return model.double().eval()


def write(library, source, weights, images, features):
    subprocess.run([sys.executable, INTEROP / "clip_run.py", HERE.parents[1] / "models" / "export_clip.py", "encoder", "--library", library,
                    "--model", source, "--skeleton", "--out", HERE / f"clip_{library}.pt"], check=True)  # fmt: skip
    tensors = {name: value.detach().half().contiguous() for name, value in weights.items()}
    (HERE / f"clip_{library}.safetensors").write_bytes(save(tensors | {"images": images.float(), "features": features}))


@torch.no_grad()
def main():
    torch.manual_seed(1)
    images = torch.randn(2, 3, 24, 24).double()
    with tempfile.TemporaryDirectory() as folder:
        config = {"embed_dim": 16, "quick_gelu": True,
                  "vision_cfg": {"image_size": 24, "layers": 2, "width": 32, "head_width": 8, "patch_size": 8, "mlp_ratio": 2.0},
                  "text_cfg": {"context_length": 8, "vocab_size": 16, "width": 16, "heads": 2, "layers": 1}}  # fmt: skip
        path = Path(folder) / "tiny.json"
        path.write_text(json.dumps(config))
        open_clip.add_model_config(path)
        model = prepared(open_clip.create_model("tiny"))
        weights = {f"visual.{name}": value for name, value in model.visual.state_dict().items()}
        write("open_clip", path, weights, images.float(), model.encode_image(images.float().double()))

        text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        vision = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 24, "patch_size": 8,
                  "layer_norm_eps": 1e-4}  # fmt: skip
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
        config.save_pretrained(Path(folder) / "config")
        model = prepared(transformers.CLIPModel(config))
        weights = {f"vision_model.{name}": value for name, value in model.vision_model.state_dict().items() if not name.endswith("position_ids")}
        weights["visual_projection.weight"] = model.visual_projection.weight
        features = model.visual_projection(model.vision_model(pixel_values=images.float().double()).pooler_output)
        write("transformers", Path(folder) / "config", weights, images.float(), features)


main()
