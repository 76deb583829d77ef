"""What pretraining and fine-tuning share: normalised batches, the cosine classifier, one training loop, accuracies."""

import math
import time

import torch
import torch.nn.functional as F
from encoder import normalise


def shifted(images, generator, reach=2):
    """Every image of a batch moved by up to `reach` pixels; what moves in is the edge, repeated."""
    B, _, H, W = images.shape
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    top, left = (torch.randint(0, 2 * reach + 1, (B, 1, 1), generator=generator) for _ in range(2))
    rows, columns = torch.arange(H).view(1, H, 1) + top, torch.arange(W).view(1, 1, W) + left
    return padded[torch.arange(B).view(B, 1, 1), :, rows, columns].permute(0, 3, 1, 2)


def logits_of(features, head):
    """head [classes, e] = temperature * unit vectors; the features' length carries no meaning."""
    return F.normalize(features, dim=1) @ head.T


@torch.no_grad()
def accuracy(encoder, head, images, labels):
    encoder.eval()
    hits = 0
    for x, y in zip(images.split(500), labels.split(500)):
        hits += (logits_of(encoder(normalise(x)), head).argmax(1) == y).sum().item()
    return hits / len(labels)


def train(encoder, head_of, parameters, images, labels, epochs, rate, seed, warmup, batch=128, decay=0.05, log=None):
    """AdamW, linear warm-up, cosine to zero, gradient norm clipped at 1 (as the paper's fine-tuning does). Returns seconds.

    head_of  function without arguments -> head [classes, e], so that a head may be learned or frozen
    images   uint8 [n, 1 or 3, 32, 32], labels [n]
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    total, step, start = epochs * (len(labels) // batch), 0, time.time()
    encoder.train()
    for epoch in range(epochs):
        loss_sum = 0.0
        for chunk in torch.randperm(len(labels), generator=generator).split(batch):
            if len(chunk) < batch:
                break
            factor = min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / total))
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            x = normalise(shifted(images[chunk], generator))
            with torch.autocast("cpu", torch.bfloat16):  # twice as fast; weights, their gradients and the loss stay in fp32
                features = encoder(x)
            loss = F.cross_entropy(logits_of(features.float(), head_of()), labels[chunk])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            loss_sum, step = loss_sum + loss.item(), step + 1
        if log:
            log(f"epoch {epoch + 1}/{epochs}: loss {loss_sum * epochs / total:.3f}, {time.time() - start:.0f} s")
    return time.time() - start
