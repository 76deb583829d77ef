"""Icons, emoji and flags drawn by independent vendors, read from the Iconify JSON packages that npm installs into build/."""

import io
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import resvg_py
from fonts import SIDE, fit
from PIL import Image

ROOT = Path(__file__).parent / "build" / "node_modules" / "@iconify-json"

# Whole sets are held out. Sets that share drawings stay together: lucide grew out of feather, mdi contains Google's icons.
ICON_SETS = {
    "train": (
        "tabler lucide feather ri ion mdi ic material-symbols fluent iconoir mingcute heroicons fa6-solid bx eva akar-icons basil"
    ).split(),
    "val": "typcn uil ant-design".split(),
    "test": "bi ph octicon carbon solar".split(),
}
EMOJI_SETS = {
    "train": "noto noto-v1 twemoji fxemoji streamline-emojis".split(),
    "val": "emojione emojione-v1".split(),
    "test": "openmoji fluent-emoji-flat".split(),
}
FLAG_SETS = {"train": "flag flagpack twemoji cif noto-v1".split(), "val": ["emojione"], "test": "openmoji circle-flags".split()}
ICON_STYLES = "{} {}-fill {}-outline {}-line {}-solid {}-filled {}-bold {}-24-regular {}-24-filled outline-{} baseline-{} {}-linear {}-24 {}-outlined".split()
FLAG_STYLES = "flag-{name} flag-for-{name} flag-for-flag-{name} {code} {code}-4x3 {code}-1x1".split()
STYLES = 3


@lru_cache(None)
def load(name):
    return json.loads((ROOT / name / "icons.json").read_text())


def licence(name):
    """What the vendor's own metadata says."""
    package = json.loads((ROOT / name / "package.json").read_text())
    info = json.loads((ROOT / name / "info.json").read_text())
    return {"package": f"@iconify-json/{name}", "version": package["version"], "title": info["name"],
            "author": info["author"]["name"], "licence": info["license"]["spdx"]}  # fmt: skip


def draw(set_name, icon):
    """One icon as RGBA [SIDE, SIDE, 4], or None if the set does not have it. Colour `currentColor` becomes white."""
    data = load(set_name)
    entry = data["icons"].get(icon)
    if entry is None:
        alias = data.get("aliases", {}).get(icon)
        if alias is None or set(alias) - {"parent"}:  # an alias that also turns or mirrors is another drawing
            return None
        return draw(set_name, alias["parent"])
    box = [entry.get(key, data.get(key, default)) for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{box[2]}" height="{box[3]}" viewBox="{box[0]} {box[1]} {box[2]} {box[3]}">'
        f'{entry["body"].replace("currentColor", "#fff")}</svg>'
    )
    longer = "width" if box[2] >= box[3] else "height"
    png = resvg_py.svg_to_bytes(svg_string=svg, **{longer: 2 * SIDE})
    return fit(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def _candidates(kind, names):
    """Lists of icon names; only the first list of which a set has anything is used."""
    if kind == "icons":
        return [[style.format(name) for style in ICON_STYLES] for name in names]
    if kind == "emoji":
        return [[names]]
    return [[style.format(name=names[0], code=names[1]) for style in FLAG_STYLES]]


def draw_sets(kind, concepts, set_names):
    """class -> masters RGBA [n, SIDE, SIDE, 4] over all given sets; at most STYLES drawings of one set."""
    drawn = {}
    for label, names in concepts.items():
        masters = []
        for set_name in set_names:
            found = []
            for icons in _candidates(kind, names):
                for image in (draw(set_name, icon) for icon in ([] if found else icons)):
                    if image is not None and not any(np.array_equal(image, other) for other in found):
                        found.append(image)
            found = found[:STYLES]
            masters += found
        drawn[label] = masters
    return drawn


SETS = {"icons": ICON_SETS, "emoji": EMOJI_SETS, "flags": FLAG_SETS}
