"""The image encoder of the mini suite: a small CLIP vision transformer under OpenCLIP's parameter names.

Letters: B images, S = 1 + patches tokens, d width, h heads, e embedding.
Only plain operations are used, so that torch.jit.script compiles it unchanged and C++ can load it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

# Grey level statistics of dark backgrounds with bright strokes, close to what the pretraining mixture has; the same for
# each channel because most sources are grey. What matters is that every reader uses the same numbers (suite file).
MEAN = (0.3, 0.3, 0.3)
STD = (0.3, 0.3, 0.3)


@dataclass(frozen=True)
class Shape:
    image: int = 32
    patch: int = 8
    width: int = 128
    layers: int = 4
    heads: int = 4
    embedding: int = 64


# "vit" ships; "wide" is what Figure 9 of the paper needs, a second and larger model (`make wide`).
SHAPES = {"vit": Shape(), "wide": Shape(width=192, heads=6)}


class QuickGELU(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """Self attention with q, k, v packed in one matrix, named as nn.MultiheadAttention names them."""

    def __init__(self, d: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * d, d) * d**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
        self.out_proj = nn.Linear(d, d)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, S, d = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, S, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)  # [B, h, S, d/h]
        # Written out: with 17 tokens the fused kernel of the CPU is the slower one, by far.
        weights = torch.softmax((q * (d // self.heads) ** -0.5) @ k.transpose(-2, -1), dim=-1)  # [B, h, S, S]
        return self.out_proj((weights @ v).transpose(1, 2).reshape(B, S, d))


class Mlp(nn.Module):
    def __init__(self, d: int):
        super().__init__()
        self.c_fc = nn.Linear(d, 4 * d)
        self.gelu = QuickGELU()
        self.c_proj = nn.Linear(4 * d, d)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, d: int, heads: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(d)
        self.attn = Attention(d, heads)
        self.ln_2 = nn.LayerNorm(d)
        self.mlp = Mlp(d)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, d: int, layers: int, heads: int):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(d, heads) for _ in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.resblocks:
            x = block(x)
        return x


class VisionTransformer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        d, patches = shape.width, (shape.image // shape.patch) ** 2
        self.conv1 = nn.Conv2d(3, d, shape.patch, shape.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(d) * d**-0.5)
        self.positional_embedding = nn.Parameter(torch.randn(1 + patches, d) * d**-0.5)
        self.ln_pre = nn.LayerNorm(d)
        self.transformer = Transformer(d, shape.layers, shape.heads)
        self.ln_post = nn.LayerNorm(d)
        self.proj = nn.Parameter(torch.randn(d, shape.embedding) * d**-0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv1(images).flatten(2).transpose(1, 2)  # [B, patches, d]
        first = self.class_embedding.expand(x.shape[0], 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding  # [B, S, d]
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj  # [B, e]


class Encoder(nn.Module):
    """images [B, 3, image, image], already normalised -> features [B, e], not normalised."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.visual = VisionTransformer(shape)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.visual(images)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """uint8 [B, 1 or 3, H, W] -> float32 [B, 3, H, W]; grey images are repeated over the three channels."""
    x = images.float().div(255).expand(-1, 3, -1, -1)
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
