"""make_images.py: images of every kind that datasets hold, and what Pillow makes of them.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install pillow==11.3.0 numpy matplotlib
    /tmp/v/bin/python tests/golden/make_images.py

Writes images/NAME.EXT and, beside it, images/NAME.rgb.png: Image.open(file).convert("RGB"), lossless;
for the photograph also what CLIP's preprocessing makes of it before normalisation, at some sizes:
Resize(size, BICUBIC) of the shorter side and CenterCrop(size), as torchvision words them over PIL
images. The photograph is matplotlib's sample grace_hopper.jpg: James S. Davis, United States Navy,
in the public domain; it is made smaller here.
"""
import pathlib

import matplotlib
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent / "images"
SAMPLE = pathlib.Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
SIZES = {"small": (64, 64), "large": (224, 224), "wide": (96, 64), "padded": (40, 51)}


def resized(image, size):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(size * long / short)
    return image.resize((size, other) if width <= height else (other, size), Image.BICUBIC)


def cropped(image, size):
    width, height = image.size
    if width < size or height < size:
        left, top = max((size - width) // 2, 0), max((size - height) // 2, 0)
        padded = Image.new("RGB", (max(width, size), max(height, size)))
        padded.paste(image, (left, top))
        image, (width, height) = padded, padded.size
    top, left = int(round((height - size) / 2.0)), int(round((width - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def keep(name, write):
    """Writes NAME by write(path) and what Pillow reads from it."""
    path = HERE / name
    write(path)
    Image.open(path).convert("RGB").save(HERE / (name.replace(".", "_") + ".rgb.png"), optimize=True)
    return path


def main():
    HERE.mkdir(exist_ok=True)
    photo = resized(Image.open(SAMPLE).convert("RGB"), 90).crop((0, 5, 90, 98))
    path = keep("photo.jpg", lambda p: photo.save(p, quality=90))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: Pillow leaves the pixels as they are
    keep("turned.jpg", lambda p: photo.save(p, quality=80, exif=exif))
    keep("full_chroma.jpg", lambda p: photo.save(p, quality=85, subsampling=0))
    keep("progressive.jpg", lambda p: photo.save(p, quality=70, progressive=True))
    keep("grey.jpg", lambda p: photo.convert("L").save(p, quality=90))
    keep("cmyk.jpg", lambda p: photo.convert("CMYK").save(p, quality=90))
    small = photo.crop((20, 10, 50, 45))
    alpha = Image.fromarray(np.linspace(0, 255, small.height * small.width).astype(np.uint8)
                            .reshape(small.height, small.width))
    with_alpha = small.copy()
    with_alpha.putalpha(alpha)
    keep("colour.png", lambda p: small.save(p))
    keep("alpha.png", lambda p: with_alpha.save(p))
    keep("grey_alpha.png", lambda p: Image.merge("LA", (small.convert("L"), alpha)).save(p))
    keep("palette.png", lambda p: small.quantize(16).save(p))
    keep("palette_clear.png", lambda p: small.quantize(16).save(p, transparency=3))
    keep("two_colours.png", lambda p: small.convert("1").save(p))
    keep("grey.png", lambda p: small.convert("L").save(p))
    keep("colour.ppm", lambda p: small.save(p))
    keep("colour.bmp", lambda p: small.save(p))
    keep("colour.webp", lambda p: small.save(p, lossless=True))
    read = Image.open(path).convert("RGB")
    for name, (size, crop) in SIZES.items():
        cropped(resized(read, size), crop).save(HERE / f"photo_{name}.png", optimize=True)
    turned = read.transpose(Image.ROTATE_90)  # wider than high
    cropped(resized(turned, 57), 50).save(HERE / "photo_turned.png", optimize=True)


if __name__ == "__main__":
    main()
