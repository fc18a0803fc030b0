#!/usr/bin/env python3
"""What survival costs a step: the stall of an asynchronous checkpoint against a synchronous one, and the watchdog with its posts.

    tests/bench/checkpoint_cost.py SHARDS [--build build] [--model resnet50] [--side 64] [--batch 8] [--saves 6] [--rounds 3]

Trains with EMA, one rank, saving every tenth step. The stall is what `summary.json` says that the run stood still, from the second checkpoint on (the first one
takes its memory); a synchronous write would add what the log says each write took. Then runs with and without `hang_limit`, in turn: milliseconds per step.
"""

import argparse
import re
import statistics

from run_resnet import run

EVERY = 10  # steps


EMA = "algorithms.ema={half_life: 8ba, update_interval: 1ba}"


def checkpoint(options):
    """Seconds of the stall and of the write, means of the checkpoints but the first."""
    steps = EVERY * options.saves
    saved = [EMA, "eval_interval=1000ep", f"save_interval={EVERY}ba", "save_num_checkpoints_to_keep=1"]
    said, _, summary = run(options, f"max_duration={steps}ba", *saved)
    _, _, first = run(options, f"max_duration={EVERY}ba", *saved)
    stall = (summary["seconds"]["checkpoint_stall"] - first["seconds"]["checkpoint_stall"]) / (options.saves - 1)
    writes = [float(seconds) for seconds in re.findall(r"saved \S+ in ([0-9.]+) s", said)]
    return stall, statistics.mean(writes[1:])


def step_seconds(options, *settings):
    _, lines, _ = run(options, EMA, "eval_interval=1000ep", "max_duration=40ba", "save_interval=1000ep", *settings)
    seconds = [line["time/train"] * 3600 for line in lines]
    return statistics.median(after - before for before, after in zip(seconds[4:], seconds[5:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards")
    parser.add_argument("--build", default="build")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--saves", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    pairs = [checkpoint(options) for _ in range(options.rounds)]
    for stall, write in pairs:
        print(f"checkpoint: the run stood still for {1e3 * stall:.1f} ms; writing took {1e3 * write:.0f} ms in the background; "
              f"stall / (stall + write) {100 * stall / (stall + write):.2f} %")
    watched, alone = [], []
    for _ in range(options.rounds):
        watched.append(step_seconds(options))
        alone.append(step_seconds(options, "hang_limit=0"))
        print(f"step: {1e3 * watched[-1]:.2f} ms with the watchdog, {1e3 * alone[-1]:.2f} ms without, {100 * (watched[-1] / alone[-1] - 1):+.2f} %")
    print(f"medians: {100 * (statistics.median(watched) / statistics.median(alone) - 1):+.2f} %")


if __name__ == "__main__":
    main()
