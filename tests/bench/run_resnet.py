"""What the measurements share: one run of mosaic_resnet on one rank, as short as can be, without evaluations in between."""

import json
import pathlib
import subprocess
import sys
import tempfile


def run(options, *settings):
    """Trains a net of options.model on options.shards with images of options.side, options.batch at a time, and `settings` as on the command line.
    Returns its standard error, its lines of metrics for training steps, and its summary. Ends the script if the run fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            f"{options.build}/mosaic_resnet", "yamls/resnet50.yaml",
            f"model.name={options.model}", f"train_dataset.path={options.shards}", f"eval_dataset.path={options.shards}",
            f"train_dataset.crop_size={options.side}", f"train_dataset.batch_size={options.batch}",
            "eval_dataset.crop_size=32", "eval_dataset.resize_size=32", f"eval_dataset.batch_size={options.batch}",
            "scheduler.t_warmup=0ba", "initial_evaluation=false", "loggers.progress_bar=false", f"log_folder={folder}/run", *settings,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr}")
        log = pathlib.Path(folder) / "run"
        lines = [json.loads(line) for line in (log / "metrics.jsonl").read_text().splitlines()]
        summary = json.loads((log / "summary.json").read_text())
    return done.stderr, [line for line in lines if "loss/train/total" in line], summary
