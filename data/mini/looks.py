"""How a task sees its drawings: each look turns masters into 32x32 images, a whole batch at a time.

Masters are float [B, 1, SIDE, SIDE] masks or [B, 4, SIDE, SIDE] with premultiplied colour and alpha, values 0..1. A look returns
[B, 1 or 3, 32, 32], values 0..1. All randomness comes from the given generator.
"""

import math

import torch
import torch.nn.functional as F

OUT = 32


class Dice:
    """Uniform and normal numbers of shape [B, 1, 1, 1] unless told otherwise."""

    def __init__(self, count, generator):
        self.count, self.generator = count, generator

    def uniform(self, low=0.0, high=1.0, shape=(1, 1, 1)):
        return low + (high - low) * torch.rand(self.count, *shape, generator=self.generator)

    def normal(self, shape):
        return torch.randn(self.count, *shape, generator=self.generator)

    def sign(self):
        return (self.uniform() < 0.5).float() * 2 - 1


def warp(masters, dice, rotate=8.0, scale=(0.85, 1.1), shift=0.08, shear=0.1, perspective=0.0, wave=0.0):
    """Turns, scales, shifts, shears and tilts; sampled at twice the resolution, then halved, against jagged edges."""
    axis = (torch.arange(2 * OUT) + 0.5) / OUT - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = dice.uniform(-rotate, rotate, (1, 1)) * math.pi / 180
    size = dice.uniform(*scale, (1, 1))
    x = x - dice.uniform(-shift, shift, (1, 1))
    y = y - dice.uniform(-shift, shift, (1, 1))
    depth = 1 + dice.uniform(-perspective, perspective, (1, 1)) * x + dice.uniform(-perspective, perspective, (1, 1)) * y
    u = (x * angle.cos() + y * angle.sin()) / (size * depth)
    v = (y * angle.cos() - x * angle.sin()) / (size * depth)
    u = u + dice.uniform(-shear, shear, (1, 1)) * v
    v = v + wave * torch.sin(u * dice.uniform(2, 5, (1, 1)) + dice.uniform(0, 6.3, (1, 1)))
    return F.avg_pool2d(F.grid_sample(masters, torch.stack([u, v], -1), align_corners=False), 2).clamp(0, 1)


def noisy(images, dice, sigma):
    return (images + sigma * dice.normal(images.shape[1:])).clamp(0, 1)


def smooth_noise(dice, channels, cells):
    """Soft random blotches in 0..1."""
    coarse = dice.uniform(shape=(channels, cells, cells))
    return F.interpolate(coarse, size=(OUT, OUT), mode="bicubic", align_corners=False).clamp(0, 1)


def colour(dice):
    return dice.uniform(shape=(3, 1, 1))


def luminance(rgb):
    return (rgb * torch.tensor([0.3, 0.59, 0.11]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def contrasting(dice, background, distance=0.35):
    """A colour whose luminance differs from the background's mean by at least `distance`, brighter or darker."""
    mean = luminance(background).mean((2, 3), keepdim=True)
    room = torch.where(mean < 0.5, 1 - mean, -mean)  # towards the side with more room
    target = mean + torch.sign(room) * (distance + dice.uniform() * (room.abs() - distance).clamp(min=0))
    rgb = colour(dice)
    return (rgb + (target - luminance(rgb))).clamp(0, 1)


def paint(mask, front, back):
    return mask * front + (1 - mask) * back


def over(rgba, back):
    return rgba[:, :3] + (1 - rgba[:, 3:]) * back


def blur(images, dice, low, high):
    """Gaussian blur with a width of its own for each image."""
    offsets = torch.arange(-5, 6).float()
    kernel = torch.exp(-(offsets**2) / (2 * dice.uniform(low, high, (1,)) ** 2))
    kernel = kernel / kernel.sum(1, keepdim=True)
    B, _, H, W = images.shape
    rows = F.conv2d(images.reshape(1, B, H, W), kernel.view(B, 1, 1, 11), padding=(0, 5), groups=B)
    return F.conv2d(rows, kernel.view(B, 1, 11, 1), padding=(5, 0), groups=B).view(B, 1, H, W)


def boxes(dice, number, low, high):
    """Masks [B, 1, 32, 32] of `number` rectangles each."""
    axis = torch.arange(OUT).float()
    covered = torch.zeros(dice.count, 1, OUT, OUT)
    for _ in range(number):
        cx, cy = dice.uniform(2, 30), dice.uniform(2, 30)
        w, h = dice.uniform(low, high), dice.uniform(low, high)
        inside = ((axis.view(1, 1, 1, -1) - cx).abs() < w / 2) & ((axis.view(1, 1, -1, 1) - cy).abs() < h / 2)
        covered = torch.maximum(covered, inside.float())
    return covered


def clean(masters, dice):
    return warp(masters, dice)


def clean_colour(masters, dice):
    return over(warp(masters, dice), torch.zeros(1, 3, 1, 1))


def tinted(masters, dice):
    """Bright on dark or dark on bright, plain colours: the little colour that the pretraining mixture has for drawings of one colour."""
    back = colour(dice)
    return paint(warp(masters, dice), contrasting(dice, back), back)


def tumbling(masters, dice):
    """Turned far, on a coloured texture not much brighter or darker than itself."""
    back = paint(smooth_noise(dice, 1, 4), colour(dice), colour(dice))
    drawn = warp(masters, dice, 55, (0.75, 1.05), 0.1, 0.15)
    return noisy(paint(drawn, contrasting(dice, back, 0.35), back), dice, 0.05)


def lit(masters, dice):
    """On a dim plain colour, in coloured light."""
    image = over(warp(masters, dice, 20, (0.8, 1.05), 0.1), 0.35 * colour(dice))
    return noisy((image * dice.uniform(0.75, 1.1, (3, 1, 1))).clamp(0, 1), dice, 0.04)


def scattered(masters, dice):
    back = paint(smooth_noise(dice, 1, 4), colour(dice), colour(dice))
    back = paint(boxes(dice, 1, 4, 14), colour(dice), back)
    image = over(warp(masters, dice, 20, (0.75, 1.0), 0.12), back)
    cast = dice.uniform(0.7, 1.15, (3, 1, 1))  # coloured light
    return noisy((image * cast).clamp(0, 1), dice, 0.05)


def cluttered(masters, dice):
    """Turned, on a coloured texture with another shape behind."""
    back = paint(smooth_noise(dice, 1, 5), colour(dice), colour(dice))
    back = paint(boxes(dice, 1, 4, 12), colour(dice), back)
    drawn = warp(masters, dice, 18, (0.8, 1.05), 0.1)
    return noisy(paint(drawn, contrasting(dice, back, 0.4), back), dice, 0.05)


def sign(masters, dice):
    cells = paint(smooth_noise(dice, 1, 8), colour(dice), colour(dice))
    back = 0.7 * cells + 0.3 * colour(dice)
    drawn = warp(masters, dice, 10, (0.8, 1.05), 0.1, 0.15, perspective=0.2)
    return noisy(paint(drawn, contrasting(dice, back, 0.4), back), dice, 0.05)


def rotated(masters, dice):
    return noisy(warp(masters, dice, 50, (0.75, 1.0)) * dice.uniform(0.6, 1.0), dice, 0.1)


def coarse(masters, dice):
    small = F.interpolate(warp(masters, dice, 10, (0.8, 1.05)), size=(11, 11), mode="area")
    return noisy(F.interpolate(small, size=(OUT, OUT), mode="bilinear", align_corners=False), dice, 0.06)


def occluded(masters, dice):
    image = warp(masters, dice, 10)
    image = paint(boxes(dice, 2, 4, 13), dice.uniform(), image)
    return noisy(image, dice, 0.2)


def waving(masters, dice):
    image = over(warp(masters, dice, 15, (0.8, 1.05), 0.1, 0.15, perspective=0.2, wave=0.12), 0.35 * colour(dice))
    return noisy(image * dice.uniform(0.65, 1.0), dice, 0.06)


def striped(masters, dice):
    axis = torch.arange(OUT).float()
    angle, period = dice.uniform(0, math.pi), dice.uniform(3.5, 7)
    phase = (axis.view(1, 1, 1, -1) * angle.cos() + axis.view(1, 1, -1, 1) * angle.sin()) / period + dice.uniform()
    return (warp(masters, dice) * 0.75 + (phase.frac().abs() < 0.4) * dice.uniform(0.25, 0.5)).clamp(0, 1)


def faint(masters, dice):
    back = 0.2 + 0.5 * smooth_noise(dice, 1, 2)
    return noisy(back + warp(masters, dice) * dice.uniform(0.12, 0.3) * dice.sign(), dice, 0.04)


def blurred(masters, dice):
    return noisy(blur(warp(masters, dice), dice, 1.2, 2.2), dice, 0.04)


def tilted(masters, dice):
    return noisy(warp(masters, dice, 20, (0.75, 1.0), 0.12, 0.3, perspective=0.5), dice, 0.05)


def speckled(masters, dice):
    image, flip = warp(masters, dice), dice.uniform(shape=(1, OUT, OUT))
    return torch.where(flip < 0.12, torch.ones(()), torch.where(flip > 0.88, torch.zeros(()), image))


def paper(masters, dice):
    back = 0.75 + 0.25 * smooth_noise(dice, 1, 6)
    return noisy(back * (1 - warp(masters, dice, 12) * dice.uniform(0.5, 0.9)), dice, 0.06)


def moving(masters, dice):
    image, angle = warp(masters, dice), dice.uniform(0, math.pi, (1, 1))
    axis = (torch.arange(OUT) + 0.5) / OUT * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    steps = [t / 3 * 0.13 for t in range(-3, 4)]
    grids = [torch.stack([x + t * angle.cos(), y + t * angle.sin()], -1) for t in steps]
    return noisy(torch.stack([F.grid_sample(image, grid, align_corners=False) for grid in grids]).mean(0), dice, 0.04)


def shaded(masters, dice):
    light = smooth_noise(dice, 1, 2)
    return noisy((1 - warp(masters, dice, 12, (0.7, 1.0))) * (0.3 + 0.7 * light), dice, 0.08)


def crowded(masters, dice):
    middle = warp(masters, dice, 8, (0.7, 0.85), 0.05)
    neighbours = warp(masters.roll(1, 0), dice, 8, (0.8, 1.0)), warp(masters.roll(2, 0), dice, 8, (0.8, 1.0))
    left, right = F.pad(neighbours[0], (0, 22))[..., 22:], F.pad(neighbours[1], (22, 0))[..., :OUT]
    return noisy(torch.maximum(middle, 0.8 * torch.maximum(left, right)), dice, 0.05)


def render(look, masters, generator, batch=500):
    """masters uint8 [n, SIDE, SIDE] or [n, SIDE, SIDE, 4] -> images uint8 [n, 1 or 3, 32, 32]."""
    images = []
    for part in masters.split(batch):
        if part.dim() == 3:
            part = part.unsqueeze(1).float() / 255
        else:
            part = part.permute(0, 3, 1, 2).float() / 255
            part = torch.cat([part[:, :3] * part[:, 3:], part[:, 3:]], 1)
        images.append((globals()[look](part, Dice(len(part), generator)) * 255).round().byte())
    return torch.cat(images)
