"""Names and shapes of CLIP's image encoders, as OpenCLIP and as HuggingFace name them.

OpenCLIP is what the published checkpoints of the papers hold (image encoder and what is left of the
text side); HuggingFace is what CLIPVisionModel saves: no projection, and q, k and v apart.
"""
import collections

# One tensor of the encoder: its OpenCLIP name and shape, and how the file names it: pieces
# (name, first row, last row), one piece unless HuggingFace's names split it.
Tensor = collections.namedtuple("Tensor", "name shape pieces")
Shape = collections.namedtuple("Shape", "width blocks patch tokens proj")
SHAPES = {"vit_b32": Shape(768, 12, 32, 50, 512), "vit_b16": Shape(768, 12, 16, 197, 512),
          "vit_l14": Shape(1024, 24, 14, 257, 768)}
HF = {"class_embedding": "embeddings.class_embedding",
      "conv1.weight": "embeddings.patch_embedding.weight",
      "positional_embedding": "embeddings.position_embedding.weight", "ln_pre": "pre_layrnorm",
      "ln_post": "post_layernorm"}
HF_BLOCK = {"attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
            "ln_1": "layer_norm1", "ln_2": "layer_norm2"}
TEXT_HF = {"token_embedding.weight": "text_model.embeddings.token_embedding.weight",
           "positional_embedding": "text_model.embeddings.position_embedding.weight",
           "text_projection": "text_projection.weight",
           "ln_final.weight": "text_model.final_layer_norm.weight",
           "ln_final.bias": "text_model.final_layer_norm.bias", "logit_scale": "logit_scale"}


def block(width):
    """Tensors of one transformer block: name -> shape."""
    shapes = {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,),
              "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,),
              "mlp.c_fc.weight": (4 * width, width), "mlp.c_fc.bias": (4 * width,),
              "mlp.c_proj.weight": (width, 4 * width), "mlp.c_proj.bias": (width,)}
    for norm in ("ln_1", "ln_2"):
        shapes.update({f"{norm}.weight": (width,), f"{norm}.bias": (width,)})
    return shapes


def around(shape):
    """Tensors outside the blocks: name -> shape."""
    width = shape.width
    shapes = {"class_embedding": (width,), "positional_embedding": (shape.tokens, width),
              "proj": (width, shape.proj), "conv1.weight": (width, 3, shape.patch, shape.patch)}
    for norm in ("ln_pre", "ln_post"):
        shapes.update({f"{norm}.weight": (width,), f"{norm}.bias": (width,)})
    return shapes


def renamed(name, table):
    """The name with its longest known beginning replaced."""
    for known, other in table.items():
        if name == known or name.startswith(known + "."):
            return other + name[len(known):]
    raise KeyError(name)


def hf_pieces(name, shape, index):
    """index: of the block, None outside of the blocks."""
    if index is None:
        return [] if name == "proj" else [("vision_model." + renamed(name, HF), 0, shape[0])]
    prefix = f"vision_model.encoder.layers.{index}."
    if not name.startswith("attn.in_proj"):
        return [(prefix + renamed(name, HF_BLOCK), 0, shape[0])]
    rows, kind = shape[0] // 3, name.rsplit("_", 1)[1]
    return [(f"{prefix}self_attn.{part}_proj.{kind}", i * rows, (i + 1) * rows)
            for i, part in enumerate("qkv")]


def visual(shape, blocks=0, names="openclip"):
    """Tensors of the image encoder with that many blocks (0: all of them)."""
    listed = [(None, name, x) for name, x in around(SHAPES[shape]).items()]
    for index in range(blocks or SHAPES[shape].blocks):
        listed += [(index, name, x) for name, x in block(SHAPES[shape].width).items()]
    tensors = []
    for index, name, x in listed:
        prefix = "" if index is None else f"transformer.resblocks.{index}."
        full = f"model.visual.{prefix}{name}"
        pieces = hf_pieces(name, x, index) if names == "hf" else [(full, 0, x[0])]
        tensors.append(Tensor(full, x, pieces))
    return [tensor for tensor in tensors if tensor.pieces]


def text(shape, names="openclip"):
    """What is left of the text side in published image encoders."""
    width = SHAPES[shape].proj
    shapes = {"token_embedding.weight": (49408, width), "positional_embedding": (77, width),
              "text_projection": (width, width), "ln_final.weight": (width,),
              "ln_final.bias": (width,), "logit_scale": ()}
    return [Tensor("model." + name, x, [(TEXT_HF[name] if names == "hf" else "model." + name, 0,
                                         x[0] if x else 1)]) for name, x in shapes.items()]
