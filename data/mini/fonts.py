"""Letters drawn from Debian's free fonts: which fonts exist, which families belong together, which are held out."""

import re
import subprocess
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

SIDE, FIT = 48, 42  # masters are SIDE x SIDE; the longer side of a drawing fills FIT
STYLES = 2  # at most so many files of one family: more would let families of many weights dominate
PACKAGES = (Path(__file__).parent / "debian-fonts.txt").read_text().split()

# Families whose letters are one design under several names. Near copies not listed here are found by look (lookalikes).
SAME_DESIGN = {
    "ipa": ("IPA", "Takao", "MonaPO", "Mona", "Monapo"),
    "m plus": ("M+", "Mplus", "MigMix", "Migu", "VL", "UmePlus", "Komatuna", "Konatu", "M PLUS"),
    "urw": ("FreeSans", "FreeSerif", "FreeMono", "Nimbus", "TeX Gyre", "C059", "P052", "URW", "Liberation", "DejaVu", "Arimo", "Tinos"),
    "gentium": ("Gentium", "Galatia"),
    "computer modern": ("CMU", "LM", "Latin Modern"),
    "lohit": ("Lohit", "Samyak"),
    "nakula": ("Nakula", "Sahadeva"),
    "carlito": ("Carlito", "Lato"),
    "yoz": ("YOz",),
    "ume": ("Ume",),
    "noto sans": ("Noto Sans", "Open Sans", "Droid Sans", "Noto Mono"),
    "noto serif": ("Noto Serif",),
    "roboto": ("Roboto", "Inter"),
    "sil roman": ("Charis", "Doulos"),
    "cjk hei": ("WenQuanYi", "Noto Sans CJK", "Droid Sans Fallback"),
    "arphic": ("AR PL", "UKai", "UMing"),
    "kacst": ("Kacst",),
    "ezra": ("Ezra",),
}
STYLE_WORDS = r"\b(Regular|Bold|Italic|Oblique|Light|Medium|Thin|Black|Heavy|SemiBold|Semibold|Condensed|Cond|Narrow|Book|Demi|ExtraLight|UI|Std|Pro|OT|TT|SC|TC|JP|KR|HK)\b"


def family_of(name):
    longest = [(len(prefix), group) for group, prefixes in SAME_DESIGN.items() for prefix in prefixes if name.startswith(prefix)]
    if longest:
        return max(longest)[1]
    words = re.sub(STYLE_WORDS, "", name).split()
    return " ".join(words[: 3 if words[0] in ("Noto", "AR") else 2]).lower()


@lru_cache(None)
def inventory():
    """[(file, index, family, package, code points)] of the listed packages only, whatever else the machine has."""
    found, seen = [], set()
    for package in PACKAGES:
        files = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=True).stdout.split("\n")
        for file in sorted(f for f in files if f.endswith((".ttf", ".otf", ".ttc"))):
            if Path(file).resolve() in seen:
                continue
            seen.add(Path(file).resolve())
            try:
                font = TTFont(file, fontNumber=0, lazy=True)
                name = font["name"].getDebugName(16) or font["name"].getDebugName(1)
                points = frozenset(font.getBestCmap())
            except Exception:  # bitmap-only and damaged fonts are of no use here
                continue
            if name:
                found.append((file, 0, family_of(name), package, points))
    return found


def fit(image):
    """Crops an L or RGBA image to what is drawn, scales it to FIT and centres it; None if nothing is drawn."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else image
    box = alpha.point(lambda value: 255 if value > 24 else 0).getbbox()
    if box is None:
        return None
    image = image.crop(box)
    scale = FIT / max(image.size)
    size = [max(2, round(length * scale)) for length in image.size]
    canvas = Image.new(image.mode, (SIDE, SIDE))
    canvas.paste(image.resize(size, Image.LANCZOS), [(SIDE - length) // 2 for length in size])
    return np.array(canvas)


def draw(font, character):
    """One letter as a mask [SIDE, SIDE], or None."""
    left, top, right, bottom = font.getbbox(character)
    if right <= left or bottom <= top or max(right - left, bottom - top) > 600:
        return None
    image = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), character, fill=255, font=font)
    return fit(image)


def _flat(masks):
    """Small, centred, unit-length copies of masks [n, SIDE, SIDE] for comparison by scalar product."""
    small = masks.reshape(len(masks), SIDE // 3, 3, SIDE // 3, 3).mean((2, 4)).reshape(len(masks), -1)
    small = small - small.mean(1, keepdims=True)
    return small / (np.linalg.norm(small, axis=1, keepdims=True) + 1e-6)


@lru_cache(None)
def draw_script(characters):
    """family -> (masks [styles, letters, SIDE, SIDE], packages), families that can draw every letter recognisably."""
    families, packages = defaultdict(list), defaultdict(set)
    for file, index, family, package, points in inventory():
        if len(families[family]) >= STYLES or not all(ord(c) in points for c in characters):
            continue
        try:
            font = ImageFont.truetype(file, 96, index=index, layout_engine=ImageFont.Layout.BASIC)
            masks = [draw(font, c) for c in characters]
        except OSError:
            continue
        if any(mask is None for mask in masks):
            continue
        flat = _flat(np.stack(masks))
        if np.max(flat @ flat.T - np.eye(len(flat))) > 0.9999:  # two letters alike: placeholder boxes
            continue
        families[family].append(np.stack(masks))
        packages[family].add(package)
    families = {family: np.stack(drawn) for family, drawn in families.items() if drawn}

    # A family that shows other things at these code points (ornaments, capitals for small letters, another encoding) is
    # found by the company it keeps: too many of its letters look more like another letter of the average family.
    flats = {family: _flat(drawn[0]) for family, drawn in families.items()}
    average = np.mean(list(flats.values()), 0)
    own = np.arange(len(characters))
    kept = sorted(f for f, flat in flats.items() if ((flat @ average.T).argmax(1) != own).mean() <= 0.4)
    return {family: (families[family], sorted(packages[family])) for family in kept}


def lookalikes(characters, threshold=0.97):
    """Pairs of families that draw a script almost identically, and so must stay in one split."""
    flats = {family: _flat(masks[0]) for family, (masks, _) in draw_script(characters).items()}
    names = sorted(flats)
    similar = ((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if (flats[a] * flats[b]).sum(1).mean() > threshold)
    return list(similar)


def assign_splits(characters, seed):
    """family -> train, val or test: a quarter of the independent designs of a script for test, an eighth for validation."""
    parent = {family: family for family in draw_script(characters)}

    def root(family):
        while parent[family] != family:
            family = parent[family]
        return family

    for a, b in lookalikes(characters):
        if root(a) != root(b):
            parent[root(b)] = root(a)
    designs = sorted({root(family) for family in parent})
    np.random.default_rng(seed).shuffle(designs)
    test, val = max(2, round(len(designs) / 4)), max(1, round(len(designs) / 8))
    split = {d: "test" if i < test else "val" if i < test + val else "train" for i, d in enumerate(designs)}
    return {family: split[root(family)] for family in sorted(parent)}
