#!/usr/bin/env python3
"""Print settings, key=value, that suit the data set in a folder of shards, for a run on two ranks.

usage: demo_settings.py SHARDS
"""

import pathlib
import sys

import h5py
import numpy as np

LARGEST_BATCH = 128  # of yamls/imagenette.yaml, as its learning rate
LEARNING_RATE = 0.25
BATCHES_PER_EPOCH = 8  # at least, if there are so many images


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    short_sides = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("train-*.h5")):
        with h5py.File(path, locking=False) as shard:
            classes = len(shard["class_names"])
            short_sides.append(np.minimum(shard["widths"][:], shard["heights"][:]))
    short_sides = np.concatenate(short_sides)

    crop = 64 if np.median(short_sides) >= 48 else 32
    batch = LARGEST_BATCH
    while batch > 2 and batch * BATCHES_PER_EPOCH > len(short_sides):
        batch //= 2
    print(f"model.num_classes={classes}")
    print(f"train_dataset.crop_size={crop}")
    print(f"train_dataset.batch_size={batch}")
    print(f"eval_dataset.crop_size={crop}")
    print(f"eval_dataset.resize_size={round(crop * 256 / 224)}")
    print(f"optimizer.lr={LEARNING_RATE * batch / LARGEST_BATCH}")


main()
