"""Crops of packed JPEGs have the bytes of Pillow, whichever version from 9.4 to 12 the Python that runs this has.

usage: pillow_test.py PREPROCESS IMAGES --split S [--crops N] [--seed S]
PREPROCESS packs IMAGES/S and shows crops of it. Each is drawn: an image, a box (the whole, strips, single pixels, as training draws them), a side
from 1 to 224, mirrored or not.
"""

import argparse
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import PIL
from PIL import Image

LARGEST_SIDE = 224
# From here on Pillow scales boxes more than 100 times as tall as wide in another order.
MOST_TALL = 100


def drawn_box(draws, width, height):
    kind = draws.randrange(10)
    if kind == 0:
        return 0, 0, width, height
    if kind == 1:
        return draws.randrange(width), draws.randrange(height), 1, 1
    if kind == 2:
        return 0, draws.randrange(height), width, 1
    if kind == 3:
        w = draws.randint(math.ceil(height / MOST_TALL), width)
        return draws.randint(0, width - w), 0, w, height
    while True:
        area, ratio = width * height * draws.uniform(0.08, 1), math.exp(draws.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return draws.randint(0, width - w), draws.randint(0, height - h), w, h


def of_pillow(path, box, side, flip):
    left, top, width, height = box
    with Image.open(path) as image:
        image = image.convert("RGB").crop((left, top, left + width, top + height))
    image = image.resize((side, side), Image.BILINEAR)
    return (image.transpose(Image.FLIP_LEFT_RIGHT) if flip else image).tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preprocess")
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not options.images.exists():
        print(f"skipped: no {options.images}")
        return 0
    draws = random.Random(options.seed)
    files = sorted(path for path in (options.images / options.split).rglob("*") if path.is_file())
    different = 0
    with tempfile.TemporaryDirectory(prefix="mosaic-test-") as folder:
        shards, out = f"{folder}/shards", pathlib.Path(folder) / "crop.ppm"
        subprocess.run([options.preprocess, "pack", options.images, shards, "--split", options.split], check=True, capture_output=True)
        for _ in range(options.crops):
            sample = draws.randrange(len(files))
            with Image.open(files[sample]) as image:
                box = drawn_box(draws, *image.size)
            side, flip = draws.randint(1, LARGEST_SIDE), draws.random() < 0.5
            subprocess.run([options.preprocess, "show", shards, "--split", options.split, "--sample", str(sample), "--crop",
                            ",".join(map(str, box)), "--side", str(side), "--out", out, *(["--flip"] if flip else [])], check=True, stdout=subprocess.DEVNULL)
            if out.read_bytes().split(b"\n255\n", 1)[1] != of_pillow(files[sample], box, side, flip):
                print(f"{files[sample]}: box {box}, side {side}, flip {flip}: other bytes than Pillow's")
                different += 1
    print(f"Pillow {PIL.__version__}: {options.crops} crops of {len(files)} images compared, {different} differ (seed {options.seed})")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
