"""T5 as a plain module under HuggingFace's parameter names, v1.0 and v1.1: what torch.jit.script compiles and C++ loads.

Letters: B examples, S input tokens, C choices, T target tokens, d width, h heads, k width of a head, V vocabulary.
Masks are 1 for tokens and 0 for padding, which lies on the right. Every product with a weight is a linear operation of its own.
Where it matters the arithmetic is that of the library: scores without 1/sqrt(k), buckets of positions in fp32, norms without mean or bias.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int
    head: int
    heads: int
    inner: int  # width of the feed-forward layers
    encoder_layers: int
    decoder_layers: int
    gated: bool = True
    activation: str = "gelu_new"
    tied: bool = False  # the logits' matrix is the embedding
    scaled: bool = False  # hidden states times d^-0.5 before the logits, as v1.0 does
    buckets: int = 32
    distance: int = 128
    dropout: float = 0.1
    eps: float = 1e-6
    vectors: bool = False  # those of (IA)^3


def wide(x: torch.Tensor) -> torch.Tensor:
    """At least fp32."""
    return x if x.dtype == torch.float64 else x.float()


class Norm(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.eps = shape.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(wide(x).square().mean(-1, keepdim=True) + self.eps)
        return self.weight * (x * scale).to(self.weight.dtype)


class Scaled(nn.Linear):
    """A linear operation whose outputs are multiplied by a learned vector, as (IA)^3 has them (arXiv:2205.05638), under the name that PEFT gives it."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, bias=False)
        self.ia3_l = nn.Parameter(torch.ones(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight) * self.ia3_l


def linear(shape: Shape, inputs: int, outputs: int) -> nn.Linear:
    """Where (IA)^3 has a vector."""
    return Scaled(inputs, outputs) if shape.vectors else nn.Linear(inputs, outputs, bias=False)


class Attention(nn.Module):
    """Self and cross attention. Block 0 of a stack holds the table of position biases that all its blocks use."""

    def __init__(self, shape: Shape, has_bias: bool, bidirectional: bool):
        super().__init__()
        d, inner = shape.width, shape.heads * shape.head
        self.q = nn.Linear(d, inner, bias=False)
        self.k = linear(shape, d, inner)
        self.v = linear(shape, d, inner)
        self.o = nn.Linear(inner, d, bias=False)
        self.heads, self.buckets, self.distance, self.dropout = shape.heads, shape.buckets, shape.distance, shape.dropout
        self.bidirectional = bidirectional
        self.relative_attention_bias = nn.Embedding(shape.buckets, shape.heads) if has_bias else None

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[B, L, h k] -> [B, h, L, k]"""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def bucket(self, relative: torch.Tensor) -> torch.Tensor:
        """relative: key position - query position. Near ones have buckets of their own, far ones share them, by logarithm."""
        buckets = self.buckets
        if self.bidirectional:
            buckets = buckets // 2
            first = (relative > 0).long() * buckets
            distance = relative.abs()
        else:
            first = torch.zeros_like(relative)
            distance = (-relative).clamp(min=0)
        exact = buckets // 2
        far = exact + (torch.log(distance.float() / exact) / math.log(self.distance / exact) * (buckets - exact)).long()
        return first + torch.where(distance < exact, distance, far.clamp(max=buckets - 1))

    def position_bias(self, length: int) -> torch.Tensor:
        """[1, h, L, L]"""
        table = self.relative_attention_bias
        assert table is not None
        position = torch.arange(length, device=table.weight.device)
        return table(self.bucket(position.unsqueeze(0) - position.unsqueeze(1))).permute(2, 0, 1).unsqueeze(0)

    def forward(self, x: torch.Tensor, source: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """x [B, L, d] looks at source [B, M, d]; bias broadcasts to [B, h, L, M] and includes the mask."""
        q, k, v = self.split(self.q(x)), self.split(self.k(source)), self.split(self.v(source))
        weights = torch.softmax(wide(q @ k.transpose(-2, -1)) + bias, dim=-1).to(x.dtype)
        weights = F.dropout(weights, self.dropout, self.training)
        return self.o((weights @ v).transpose(1, 2).flatten(2))


class Activation(nn.Module):
    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) if self.name == "relu" else F.gelu(x, approximate="tanh")


class Dense(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.wi = nn.Linear(shape.width, shape.inner, bias=False)
        self.wo = nn.Linear(shape.inner, shape.width, bias=False)
        self.activation, self.dropout = Activation(shape.activation), shape.dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.wo(F.dropout(self.activation(self.wi(x)), self.dropout, self.training))


class GatedDense(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.wi_0 = nn.Linear(shape.width, shape.inner, bias=False)
        self.wi_1 = linear(shape, shape.width, shape.inner)
        self.wo = nn.Linear(shape.inner, shape.width, bias=False)
        self.activation, self.dropout = Activation(shape.activation), shape.dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.wo(F.dropout(self.activation(self.wi_0(x)) * self.wi_1(x), self.dropout, self.training))


class Layer(nn.Module):
    """What every residual layer has: its norm, and dropout before the sum."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.layer_norm, self.dropout = Norm(shape), shape.dropout


class SelfLayer(Layer):
    def __init__(self, shape: Shape, has_bias: bool, bidirectional: bool):
        super().__init__(shape)
        self.SelfAttention = Attention(shape, has_bias, bidirectional)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        normed = self.layer_norm(x)
        return x + F.dropout(self.SelfAttention(normed, normed, bias), self.dropout, self.training)


class CrossLayer(Layer):
    def __init__(self, shape: Shape):
        super().__init__(shape)
        self.EncDecAttention = Attention(shape, has_bias=False, bidirectional=True)

    def forward(self, x: torch.Tensor, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """x [B C, T, d]: the C choices of an example look at its states as one long sequence, so keys and values exist once."""
        queries = self.layer_norm(x).view(states.shape[0], -1, x.shape[2])  # [B, C T, d]
        return x + F.dropout(self.EncDecAttention(queries, states, bias), self.dropout, self.training).view(x.shape)


class DenseLayer(Layer):
    def __init__(self, shape: Shape):
        super().__init__(shape)
        self.DenseReluDense = GatedDense(shape) if shape.gated else Dense(shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + F.dropout(self.DenseReluDense(self.layer_norm(x)), self.dropout, self.training)


class EncoderBlock(nn.Module):
    def __init__(self, shape: Shape, first: bool):
        super().__init__()
        self.layer = nn.ModuleList([SelfLayer(shape, first, bidirectional=True), DenseLayer(shape)])

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return self.layer[1](self.layer[0](x, bias))


class DecoderBlock(nn.Module):
    def __init__(self, shape: Shape, first: bool):
        super().__init__()
        self.layer = nn.ModuleList([SelfLayer(shape, first, bidirectional=False), CrossLayer(shape), DenseLayer(shape)])

    def forward(self, x: torch.Tensor, bias: torch.Tensor, states: torch.Tensor, cross_bias: torch.Tensor) -> torch.Tensor:
        return self.layer[2](self.layer[1](self.layer[0](x, bias), states, cross_bias))


def blocked(mask: torch.Tensor) -> torch.Tensor:
    """0 where mask is set, elsewhere the lowest fp32 number: what is added to scores."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(mask == 0, -3.4028234663852886e38)


class Encoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.block = nn.ModuleList(EncoderBlock(shape, i == 0) for i in range(shape.encoder_layers))
        self.final_layer_norm, self.dropout = Norm(shape), shape.dropout

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x [B, S, d] embeddings, mask [B, S] -> [B, S, d]"""
        bias = self.block[0].layer[0].SelfAttention.position_bias(x.shape[1]) + blocked(mask)[:, None, None]
        x = F.dropout(x, self.dropout, self.training)
        for block in self.block:
            x = block(x, bias)
        return F.dropout(self.final_layer_norm(x), self.dropout, self.training)


class Decoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.block = nn.ModuleList(DecoderBlock(shape, i == 0) for i in range(shape.decoder_layers))
        self.final_layer_norm, self.dropout = Norm(shape), shape.dropout

    def forward(self, x: torch.Tensor, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x [B C, T, d] embeddings, states [B, S, d], mask [B, S] -> [B C, T, d]"""
        T = x.shape[1]
        causal = blocked(torch.ones(T, T, device=x.device).tril())
        bias, cross = self.block[0].layer[0].SelfAttention.position_bias(T) + causal, blocked(mask)[:, None, None]
        x = F.dropout(x, self.dropout, self.training)
        for block in self.block:
            x = block(x, bias, states, cross)
        return F.dropout(self.final_layer_norm(x), self.dropout, self.training)


class T5(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shared = nn.Embedding(shape.vocabulary, shape.width)
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.lm_head = None if shape.tied else nn.Linear(shape.width, shape.vocabulary, bias=False)
        self.scale = shape.width**-0.5 if shape.scaled else 1.0
        self.rows = 1024  # positions that score() computes logits of at the same time

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """[..., d] -> [..., V]"""
        head = self.lm_head
        if head is not None:
            return head(hidden * self.scale)
        return F.linear(hidden * self.scale, self.shared.weight)

    def hidden(self, states: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What the decoder makes of labels [n, T] that it has seen up to the position before. n = B C; -> [n, T, d]"""
        shifted = F.pad(labels[:, :-1], (1, 0))  # the decoder starts from id 0
        return self.decoder(self.shared(shifted), states, mask)

    def log_probabilities(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """hidden [n, d], labels [n] -> [n]"""
        return -F.cross_entropy(wide(self.logits(hidden)), labels, reduction="none")

    @torch.jit.export
    def encode(self, input_ids: torch.Tensor, input_mask: torch.Tensor) -> torch.Tensor:
        """[B, S], [B, S] -> states [B, S, d]"""
        return self.encoder(self.shared(input_ids), input_mask)

    @torch.jit.export
    def score(self, states: torch.Tensor, input_mask: torch.Tensor, choices: torch.Tensor, choice_mask: torch.Tensor) -> torch.Tensor:
        """choices, choice_mask [B, C, T] -> [B, C]: the sum of the log-probabilities of a choice's tokens, 0 for a choice without any."""
        B, C, T = choices.shape
        labels, real = choices.view(B * C, T), choice_mask.reshape(-1).nonzero().squeeze(1)
        hidden = self.hidden(states, input_mask, labels).flatten(0, 1)[real]
        tokens = labels.reshape(-1)[real]
        # Logits at tokens only, and of few positions at a time: with 32,128 words they are what needs most memory.
        parts = [self.log_probabilities(hidden[i : i + self.rows], tokens[i : i + self.rows]) for i in range(0, tokens.shape[0], self.rows)]
        sums = wide(torch.zeros(B * C, dtype=states.dtype, device=states.device))
        if len(parts) > 0:
            sums = sums.index_add(0, real // T, torch.cat(parts))
        return sums.view(B, C)

    @torch.jit.export
    def next_logits(self, states: torch.Tensor, input_mask: torch.Tensor, decoder_ids: torch.Tensor) -> torch.Tensor:
        """decoder_ids [B, L], the start id first -> [B, V]: logits of the token that follows."""
        return self.logits(self.decoder(self.shared(decoder_ids), states, input_mask)[:, -1])

    def forward(self, input_ids: torch.Tensor, input_mask: torch.Tensor, target: torch.Tensor, target_mask: torch.Tensor) -> torch.Tensor:
        """target, target_mask [B, T] -> [B]: the mean negative log-probability of an example's target tokens."""
        hidden = self.hidden(self.encode(input_ids, input_mask), input_mask, target)
        real = target_mask.reshape(-1).nonzero().squeeze(1)
        losses = -self.log_probabilities(hidden.flatten(0, 1)[real], target.reshape(-1)[real])
        counts = target_mask.sum(1)
        sums = torch.zeros(target.shape[0], dtype=losses.dtype, device=losses.device).index_add(0, real // target.shape[1], losses)
        return sums / counts.clamp(min=1)
