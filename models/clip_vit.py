"""The image towers of CLIP as plain modules: under OpenCLIP's parameter names the one of mini/encoder.py, under those of HuggingFace the one here.

Letters: B images, S = 1 + patches tokens, d width, h heads, e embedding.
Every matrix product with a weight is a linear operation of its own, whatever the libraries fuse.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "mini"))
from encoder import QuickGELU, Shape, VisionTransformer  # noqa: E402


@dataclass(frozen=True)
class Tower:
    """One tower: its shape, and what the libraries leave to choice."""

    shape: Shape
    quick_gelu: bool = True
    inner: int = 0  # width of the MLP; 0: 4 d
    eps: float = 1e-5

    @property
    def activation(self):
        return "QuickGELU" if self.quick_gelu else "GELU"

    @property
    def mlp(self):
        return self.inner or 4 * self.shape.width


def activation(tower):
    return QuickGELU() if tower.quick_gelu else nn.GELU()


def openclip_tower(tower):
    """images [B, 3, H, W] -> features [B, e]."""
    d, model = tower.shape.width, VisionTransformer(tower.shape)
    for block in model.transformer.resblocks:
        block.mlp.c_fc, block.mlp.c_proj = nn.Linear(d, tower.mlp), nn.Linear(tower.mlp, d)
        block.mlp.gelu = activation(tower)
        block.ln_1.eps = block.ln_2.eps = tower.eps
    model.ln_pre.eps = model.ln_post.eps = tower.eps
    return model


class Embeddings(nn.Module):
    def __init__(self, tower):
        super().__init__()
        d, patches = tower.shape.width, (tower.shape.image // tower.shape.patch) ** 2
        self.class_embedding = nn.Parameter(torch.empty(d))
        self.patch_embedding = nn.Conv2d(3, d, tower.shape.patch, tower.shape.patch, bias=False)
        self.position_embedding = nn.Embedding(1 + patches, d)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patch_embedding(images).flatten(2).transpose(1, 2)  # [B, patches, d]
        first = self.class_embedding.expand(x.shape[0], 1, -1)
        return torch.cat([first, x], dim=1) + self.position_embedding.weight  # [B, S, d]


class SplitAttention(nn.Module):
    """Self attention with q, k and v in matrices of their own."""

    def __init__(self, d: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(d, d)
        self.v_proj = nn.Linear(d, d)
        self.q_proj = nn.Linear(d, d)
        self.out_proj = nn.Linear(d, d)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        B, S, d = x.shape
        return x.view(B, S, self.heads, d // self.heads).transpose(1, 2)  # [B, h, S, d/h]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, S, d = x.shape
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        weights = torch.softmax((q * (d // self.heads) ** -0.5) @ k.transpose(-2, -1), dim=-1)  # [B, h, S, S]
        return self.out_proj((weights @ v).transpose(1, 2).reshape(B, S, d))


class SplitMlp(nn.Module):
    def __init__(self, tower):
        super().__init__()
        self.activation = activation(tower)
        self.fc1 = nn.Linear(tower.shape.width, tower.mlp)
        self.fc2 = nn.Linear(tower.mlp, tower.shape.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class SplitBlock(nn.Module):
    def __init__(self, tower):
        super().__init__()
        d = tower.shape.width
        self.self_attn = SplitAttention(d, tower.shape.heads)
        self.layer_norm1 = nn.LayerNorm(d, tower.eps)
        self.mlp = SplitMlp(tower)
        self.layer_norm2 = nn.LayerNorm(d, tower.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class SplitEncoder(nn.Module):
    def __init__(self, tower):
        super().__init__()
        self.layers = nn.ModuleList(SplitBlock(tower) for _ in range(tower.shape.layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class HuggingFaceTower(nn.Module):
    """images [B, 3, H, W] -> [B, d], before the projection, which is no part of this tower."""

    def __init__(self, tower):
        super().__init__()
        d = tower.shape.width
        self.embeddings = Embeddings(tower)
        self.pre_layrnorm = nn.LayerNorm(d, tower.eps)  # the library's spelling
        self.encoder = SplitEncoder(tower)
        self.post_layernorm = nn.LayerNorm(d, tower.eps)

    @torch.jit.export
    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        return self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(images)))[:, 0])
