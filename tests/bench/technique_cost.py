#!/usr/bin/env python3
"""What each technique of the recipes costs: milliseconds per training step with it, and of the plain step.

    tests/bench/technique_cost.py SHARDS [--build build] [--model resnet50] [--side 88] [--batch 32] [--steps 20] [--rounds 3] [key=value ...]

Runs mosaic_resnet alone (one rank) on SHARDS, a folder that `preprocess pack` wrote. In a round the techniques take turns, with a plain run
before and after them, so that a slow moment of the machine does not hit the same one again and again; the table has the medians over the
rounds of the mean step (SAM and progressive resizing have steps of different lengths; choose STEPS as a multiple of 10, SAM's interval).
Each run's first steps, which allocate memory and choose kernels, do not count.
"""

import argparse
import statistics

from run_resnet import run

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
    _, lines, _ = run(options, f"max_duration={options.steps + WARM_UP}ba", *settings, *options.settings)
    seconds = [line["time/train"] * 3600 for line in lines]
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
    options = parser.parse_intermixed_args()  # settings may stand behind options

    names = options.only or list(TECHNIQUES)
    plain, changed = [], {name: [] for name in names}
    for _ in range(options.rounds):
        plain.append(1e3 * step_seconds(options, []))
        for name in names:
            changed[name].append(1e3 * step_seconds(options, [TECHNIQUES[name]]))
        plain.append(1e3 * step_seconds(options, []))

    before = statistics.median(plain)
    print(f"{options.model}, {options.side} px, batch {options.batch}, {options.steps} steps, {options.rounds} rounds "
          f"{' '.join(options.settings)}: plain step {before:.1f} ms, {min(plain):.1f} to {max(plain):.1f}")
    print("| technique | ms per step | difference | from, to |\n|---|---|---|---|")
    for name in names:
        after = statistics.median(changed[name])
        print(f"| {name} | {after:.1f} | {100 * (after / before - 1):+.1f} % | {min(changed[name]):.1f}, {max(changed[name]):.1f} |")


if __name__ == "__main__":
    main()
