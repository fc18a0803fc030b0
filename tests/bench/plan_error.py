#!/usr/bin/env python3
"""How far off `--plan` is: runs of other sides, ranks and batches than were calibrated, each planned before it is run.

usage: plan_error.py BUILD [--epochs N] [--limit SHARE]

Packs images, calibrates a ResNet-18 of a quarter of the channels on one rank and on two with `--check --calibration`, then plans and runs each
row, and prints predicted and found seconds of training and evaluation, the interval, and the error of the sum. Ends with 1 if an error is above
the limit (0.15). Says something only on a machine without other work, or with the same amount of it all the time.
"""

import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "program"))

# name, ranks, settings; calibrated: side 64, and 32 of it, 32 images over all ranks, 1 and 2 ranks
RUNS = [
    ("as calibrated", 1, {}),
    ("side 48", 1, {"train_dataset.crop_size": 48}),
    ("batch 24, 2 ranks", 2, {"train_dataset.batch_size": 24}),
    ("sides 32 to 64, batch 20", 1, {"train_dataset.batch_size": 20, "algorithms.progressive_resizing": "{}"}),
    ("side 96, batch 64, 2 ranks", 2, {"train_dataset.crop_size": 96, "train_dataset.batch_size": 64}),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--limit", type=float, default=0.15)
    options = parser.parse_args()
    os.environ["MOSAIC_BIN"] = str(options.build.resolve())
    import images
    import job

    with tempfile.TemporaryDirectory(prefix="mosaic-plan-") as name:
        folder = pathlib.Path(name)
        shards = images.pack(folder, train_images=640, eval_images=128)
        # The images are small: what is larger than they are is scaled up.
        common = {"train_dataset.crop_size": 64, "train_dataset.batch_size": 32, "eval_dataset.crop_size": 64, "eval_dataset.resize_size": 72,
                  "eval_dataset.batch_size": 32, "max_duration": f"{options.epochs}ep", "eval_interval": "3ep"}  # fmt: skip

        def settings(more):
            return [str(word) for word in job.settings(folder, shards, **(common | more))]

        calibration = folder / "calibration.json"
        for ranks in (0, 2):
            result = job.run(["--check", "--calibration", calibration, *settings({})], ranks)
            assert result.code == job.DONE, result
        print(f"{'run':28}{'predicted s':>12}{'interval':>18}{'found s':>9}{'error':>8}", flush=True)
        worst = 0.0
        for number, (run_name, ranks, more) in enumerate(RUNS):
            log_folder = folder / f"run{number}"
            log_folder.mkdir()
            arguments = settings(more | {"log_folder": log_folder})
            plan = job.run(["--plan", "--ranks", ranks, "--calibration", calibration, "--out", log_folder / "plan.json", *arguments])
            assert plan.code == job.DONE, plan
            result = job.run(arguments, ranks if ranks > 1 else 0, limit=600)
            assert result.code == job.DONE, result
            both = job.summary(log_folder)["plan"]["train_and_eval"]
            worst = max(worst, abs(both["error"]))
            interval = f"{both['low']:.2f} to {both['high']:.2f}"
            print(f"{run_name:28}{both['predicted']:12.2f}{interval:>18}{both['found']:9.2f}{100 * both['error']:7.1f}%", flush=True)
    print(f"largest error {100 * worst:.1f} %, limit {100 * options.limit:.0f} %")
    sys.exit(worst > options.limit)


main()
