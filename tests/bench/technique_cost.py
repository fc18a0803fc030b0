#!/usr/bin/env python3
"""What each technique of the recipes costs: milliseconds per training step with it and without it.

    tests/bench/technique_cost.py SHARDS [--build build] [--model resnet50] [--side 88] [--batch 32] [--steps 20] [--rounds 3] [key=value ...]

Runs mosaic_resnet alone (one rank) on SHARDS, a folder that `preprocess pack` wrote. Every technique takes turns with the plain run, in one
sitting, so that a slow moment of the machine hits both; the table has the medians over the rounds of the mean step (SAM and progressive
resizing have steps of different lengths). Each run's first steps, which allocate memory and choose kernels, do not count.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

WARM_UP = 3  # steps

# The strengths of the `hot` recipe; those of progressive resizing and the interval of SAM are `mild`'s and `medium`'s.
TECHNIQUES = {
    "blurpool": "algorithms.blurpool={}",
    "channels_last": "algorithms.channels_last=true",
    "ema": "algorithms.ema={half_life: 100ba, update_interval: 20ba}",
    "progressive_resizing, loader": "algorithms.progressive_resizing={mode: loader}",
    "progressive_resizing, device_nearest": "algorithms.progressive_resizing={mode: device_nearest}",
    "label_smoothing": "algorithms.label_smoothing={smoothing: 0.1}",
    "mixup": "algorithms.mixup={alpha: 0.2}",
    "sam": "algorithms.sam={rho: 0.5, interval: 10}",
    "colout": "algorithms.colout={p_row: 0.05, p_col: 0.05}",
    "randaugment": "algorithms.randaugment={depth: 1, severity: 9}",
    "stochastic_depth": "algorithms.stochastic_depth={drop_rate: 0.1}",
}


def step_seconds(options, settings):
    """Mean seconds of a step of one run, and the share of them that was spent waiting for data."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            f"{options.build}/mosaic_resnet", "yamls/resnet50.yaml",
            f"model.name={options.model}", f"train_dataset.path={options.shards}", f"eval_dataset.path={options.shards}",
            f"train_dataset.crop_size={options.side}", f"train_dataset.batch_size={options.batch}",
            "eval_dataset.crop_size=32", "eval_dataset.resize_size=32", f"eval_dataset.batch_size={options.batch}",
            f"max_duration={options.steps + WARM_UP}ba", "scheduler.t_warmup=0ba", "initial_evaluation=false",
            "loggers.progress_bar=false", f"log_folder={folder}/run", *settings, *options.settings,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
        lines = [json.loads(line) for line in (pathlib.Path(folder) / "run/metrics.jsonl").read_text().splitlines()]
    seconds = [line["time/train"] * 3600 for line in lines if "loss/train/total" in line]
    return (seconds[-1] - seconds[WARM_UP - 1]) / (len(seconds) - WARM_UP)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards")
    parser.add_argument("--build", default="build")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--side", type=int, default=88)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=list(TECHNIQUES), help="one technique; may be given again")
    parser.add_argument("settings", nargs="*", help="for all runs: precision=amp_bf16")
    options = parser.parse_args()

    print(f"{options.model}, {options.side} px, batch {options.batch}, mean of {options.steps} steps, "
          f"medians of {options.rounds} rounds {' '.join(options.settings)}")
    print("| technique | ms without | ms with | difference | spread of the plain run |\n|---|---|---|---|---|")
    for name in options.only or TECHNIQUES:
        plain, changed = [], []
        for _ in range(options.rounds):
            plain.append(1e3 * step_seconds(options, []))
            changed.append(1e3 * step_seconds(options, [TECHNIQUES[name]]))
        before, after = statistics.median(plain), statistics.median(changed)
        print(f"| {name} | {before:.1f} | {after:.1f} | {100 * (after / before - 1):+.1f} % | "
              f"{100 * (max(plain) / min(plain) - 1):.1f} % |", flush=True)


if __name__ == "__main__":
    main()
