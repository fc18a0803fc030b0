#!/usr/bin/env python3
"""How far off `--plan` is: runs of other sides, ranks and batches than were calibrated, each planned before it is run.

usage: plan_error.py BUILD [--rows 1,3-5] [--calibration FILE] [--shards FOLDER --classes N] [--epochs N] [--limit SHARE]

Packs images (or takes FOLDER), calibrates a ResNet-18 of half of the channels on one rank and on two with `--check --calibration`, then plans and
runs each row, and prints predicted and found seconds of the whole run and of its training and evaluation, and their errors. Ends with 1 if the
error of a whole run is above the limit (0.15). Says something only on a machine without other work. FILE keeps the calibration: where it is there
already, it is used, so that the rows can be run in several goes.
"""

import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "program"))

# name, ranks, settings; calibrated: side 64, and 32 of it, 32 images over all ranks and half of them, 1 and 2 ranks
RUNS = [
    ("as calibrated", 1, {}),
    ("side 48", 1, {"train_dataset.crop_size": 48}),
    ("batch 24, 2 ranks", 2, {"train_dataset.batch_size": 24}),
    ("sides 32 to 64, batch 20", 1, {"train_dataset.batch_size": 20, "algorithms.progressive_resizing": "{}"}),
    ("side 96, batch 64, 2 ranks", 2, {"train_dataset.crop_size": 96, "train_dataset.batch_size": 64}),
]


def chosen(text):
    """ "1,3-5" -> [1, 3, 4, 5]"""
    rows = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        rows += range(int(first), int(last or first) + 1)
    if not all(1 <= row <= len(RUNS) for row in rows):
        raise argparse.ArgumentTypeError(f"got {text}, expected rows from 1 to {len(RUNS)}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rows", type=chosen, default=f"1-{len(RUNS)}")
    parser.add_argument("--calibration", type=pathlib.Path)
    parser.add_argument("--shards", type=pathlib.Path)
    parser.add_argument("--classes", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--limit", type=float, default=0.15)
    options = parser.parse_args()
    os.environ["MOSAIC_BIN"] = str(options.build.resolve())
    import images
    import job

    with tempfile.TemporaryDirectory(prefix="mosaic-plan-") as name:
        folder = pathlib.Path(name)
        shards = options.shards or images.pack(folder, train_images=640, eval_images=128)
        # Those images are small: what is larger than they are is scaled up.
        common = {"model.width": 32, "model.num_classes": options.classes, "train_dataset.crop_size": 64, "train_dataset.batch_size": 32,
                  "eval_dataset.crop_size": 64, "eval_dataset.resize_size": 72, "eval_dataset.batch_size": 32,
                  "max_duration": f"{options.epochs}ep", "eval_interval": "4ep"}  # fmt: skip

        def settings(more):
            return [str(word) for word in job.settings(folder, shards, **(common | more))]

        calibration = options.calibration or folder / "calibration.json"
        if not calibration.exists():
            for ranks in (0, 2):
                result = job.run(["--check", "--calibration", calibration, *settings({})], ranks)
                assert result.code == job.DONE, result
        print(f"{'run':28}{'predicted s':>12}{'interval':>18}{'found s':>9}{'error':>8}{'train':>8}{'eval':>8}", flush=True)
        worst = 0.0
        for number in options.rows:
            run_name, ranks, more = RUNS[number - 1]
            log_folder = folder / f"run{number}"
            log_folder.mkdir()
            arguments = settings(more | {"log_folder": log_folder})
            plan = job.run(["--plan", "--ranks", ranks, "--calibration", calibration, "--out", log_folder / "plan.json", *arguments])
            assert plan.code == job.DONE, plan
            result = job.run(arguments, ranks if ranks > 1 else 0, limit=600)
            assert result.code == job.DONE, result
            compared = job.summary(log_folder)["plan"]
            total, train, evaluation = (compared[part] for part in ("total", "train", "eval"))
            worst = max(worst, abs(total["error"]))
            interval = f"{total['low']:.1f} to {total['high']:.1f}"
            errors = "".join(f"{100 * part['error']:7.1f}%" for part in (total, train, evaluation))
            print(f"{run_name:28}{total['predicted']:12.1f}{interval:>18}{total['found']:9.1f}{errors}", flush=True)
    print(f"largest error {100 * worst:.1f} %, limit {100 * options.limit:.0f} %")
    sys.exit(worst > options.limit)


main()
