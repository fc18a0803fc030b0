"""Tiny data sets for the tests of the programs: images in three colours, packed by `preprocess`."""

import pathlib
import random
import subprocess

from job import PREPROCESS

CLASSES = {"blue": (60, 70, 190), "green": (60, 180, 80), "red": (200, 60, 50)}
TRAIN_IMAGES = 34  # four batches of 8; the two left over are in no batch of that epoch
EVAL_IMAGES = 10


def write_ppm(path, width, height, colour, noise):
    """One class's colour, each pixel with noise of its own: no two images, and no two crops of one, are alike."""
    pixels = bytearray()
    for _ in range(width * height):
        pixels += bytes(min(255, max(0, c + noise.randrange(-50, 51))) for c in colour)
    path.write_bytes(b"P6 %d %d 255\n" % (width, height) + pixels)


def write_split(folder, images):
    """`images` files, the classes in turn, of varied sizes."""
    noise = random.Random(f"{folder.name} {images}")
    names = sorted(CLASSES)
    for i in range(images):
        name = names[i % len(names)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_ppm(folder / name / f"{i:03}.ppm", noise.randrange(30, 60), noise.randrange(30, 60), CLASSES[name], noise)


def run_preprocess(*arguments):
    return subprocess.run([PREPROCESS, *arguments], capture_output=True, text=True, timeout=60)


def pack(folder, train_images=TRAIN_IMAGES, eval_images=EVAL_IMAGES):
    """Shards of a training and an evaluation set in `folder`/shards, which is returned."""
    folder = pathlib.Path(folder)
    write_split(folder / "images" / "train", train_images)
    write_split(folder / "images" / "val", eval_images)
    packed = run_preprocess("pack", folder / "images", folder / "shards")
    if packed.returncode != 0:
        raise AssertionError(packed.stderr)
    return folder / "shards"
