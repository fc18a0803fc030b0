"""What a run leaves in its log folder, and what it writes to a terminal and to a file."""

import base64
import fcntl
import io
import json
import os
import pty
import re
import struct
import termios
import threading
import unittest

import numpy
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import job
from program_test import ProgramTest

# Per training batch, and per evaluation.
BATCH_KEYS = [
    *(f"time/{name}" for name in ("epoch", "batch", "sample", "batch_in_epoch", "sample_in_epoch")),
    "trainer/device_train_microbatch_size",
    "loss/train/total",
    "metrics/train/MulticlassAccuracy",
    "lr-DecoupledSGDW/group0",
    *(f"time/{name}" for name in ("train", "val", "total")),
]
EVAL_KEYS = [*(f"metrics/eval/{name}" for name in ("CrossEntropy", "SampleCrossEntropy", "MulticlassAccuracy")), *BATCH_KEYS[-3:]]
STEP_PARTS = ["data", "forward", "backward", "exchange", "collectives", "optimizer", "other", "exchange_busy"]
THROUGHPUT_KEYS = [f"throughput/{of}{what}_per_sec" for of in ("", "device/") for what in ("batches", "samples")]

SMALL = {"max_duration": "1ep", "train_dataset__crop_size": 16, "eval_dataset__crop_size": 16}


def screen(text):
    """The lines that a terminal shows after `text`: a carriage return goes back, ESC [K clears to the end of the line."""
    lines, column = [""], 0
    for part in re.findall("\r|\n|\x1b\\[K|[^\r\n\x1b]+", text):
        if part == "\n":
            lines.append("")
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines


class RunFilesTest(ProgramTest):
    def lines(self):
        return [json.loads(line) for line in (self.log_folder / "metrics.jsonl").read_text().splitlines()]

    def test_config_yaml_gives_the_same_run_again(self):
        self.train(**SMALL, seed=3, optimizer__momentum=0.5)
        config = self.log_folder / "config.yaml"
        text = config.read_text()
        self.assertIn("\nseed: 3\n", text)
        again = self.folder / "again"

        result = job.run([config, f"log_folder={again}", f"save_folder={again}/checkpoints"])

        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(again), job.losses(self.log_folder))
        self.assertEqual((again / "config.yaml").read_text(), text.replace(str(self.log_folder), str(again)))

    def test_classes_json_counts_every_image_as_the_evaluation_does_on_any_number_of_ranks(self):
        trained = self.train("trained", **SMALL)
        found = []
        for log_folder in (trained, self.train("evaluated", 2, is_train="false", load_path=trained / "checkpoints", eval_dataset__crop_size=16)):
            classes, summary = json.loads((log_folder / "classes.json").read_text()), job.summary(log_folder)
            self.assertEqual([c["name"] for c in classes["classes"]], ["blue", "green", "red"])
            self.assertEqual(sum(c["images"] for c in classes["classes"]), summary["eval"]["samples"])
            self.assertAlmostEqual(sum(c["correct"] for c in classes["classes"]) / summary["eval"]["samples"], summary["eval"]["accuracy"])
            wrong = sum(c["images"] - c["correct"] for c in classes["classes"])
            self.assertEqual(sum(c["images"] for c in classes["confusions"]), wrong)
            self.assertEqual((classes["epoch"], classes["batch"]), (summary["epochs"], summary["batches"]))
            picture = (log_folder / "confused.png").read_bytes()
            self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
            self.assertIn("data:image/png;base64," + base64.b64encode(picture).decode(), (log_folder / "report.html").read_text())
            found.append((classes, picture))
        self.assertEqual(found[0], found[1])

    def test_status_txt_says_how_far_the_run_is_how_long_it_still_takes_and_how_it_ended(self):
        status = self.log_folder / "status.txt"
        with job.start(self.settings(max_duration="1000ba", eval_interval="400ba", loggers__progress_bar="false")) as running:
            job.wait_until(lambda: status.exists() and "of the run with" in status.read_text())
            text = status.read_text()
            running.process.terminate()
            result = running.result()
        self.assertEqual(result.code, job.SAVED, result)
        self.assertRegex(text, r"""\Atiny: training
batch \d+ of 1,000 \(\d+\.\d %\), epoch \d+, batch \d of 4 in it
[\d,]+ images/s, loss \d\.\d{4}
last evaluation: top-1 \d+\.\d\d %, cross entropy \d+\.\d{4} after 0 epochs, 0 batches
left at this pace: \d+:\d\d of the epoch, \d+:\d\d of the run with 3 evaluations: until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d
as of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d
\Z""")
        self.assertTrue(status.read_text().startswith("tiny: stopped: to be continued\nbatch "), status.read_text())

        self.train("whole")
        self.assertTrue((self.folder / "whole/status.txt").read_text().startswith("tiny: done\nbatch 20 of 20 (100.0 %)"))

    def test_metrics_have_the_documented_keys(self):
        log_folder = self.train(**SMALL | {"max_duration": "52ba", "train_dataset__batch_size": 4})
        lines = self.lines()
        for line in lines:
            self.assertEqual(list(line)[:2], ["batch", "time"])
        batches = [line for line in lines if "loss/train/total" in line]
        self.assertEqual([line["batch"] for line in batches], list(range(1, 53)))
        for line in batches:
            # The rate needs a window of 50 batches.
            expected = BATCH_KEYS + (THROUGHPUT_KEYS if line["batch"] > 50 else []) + (
                [f"step_seconds/{part}" for part in STEP_PARTS] if line["batch"] == 50 else [])
            self.assertEqual(sorted(set(line) - {"batch", "time"}), sorted(expected))
            self.assertEqual(line["time/batch"], line["batch"] - 1)  # as the step began
            self.assertEqual(line["time/sample"], 4 * line["time/batch"])
            self.assertEqual(divmod(line["time/batch"], 8), (line["time/epoch"], line["time/batch_in_epoch"]))
            self.assertEqual(line["trainer/device_train_microbatch_size"], 4)
            self.assertLessEqual(line["time/train"], line["time/total"])
        self.assertEqual([line["lr-DecoupledSGDW/group0"] for line in batches[:5]], [0, 0.005, 0.01, 0.015, 0.02])
        evaluations = [line for line in lines if "loss/train/total" not in line]
        self.assertEqual([line["batch"] for line in evaluations], [0, 52])
        for line in evaluations:
            self.assertEqual(sorted(set(line) - {"batch", "time"}), sorted(EVAL_KEYS))

        last = evaluations[-1]
        summary = job.summary(log_folder)
        self.assertEqual(summary["eval"]["accuracy"], last["metrics/eval/MulticlassAccuracy"])
        self.assertEqual(summary["eval"]["cross_entropy"], last["metrics/eval/CrossEntropy"])

    def test_summary_json_has_the_documented_keys(self):
        summary = job.summary(self.train(ranks=2, **SMALL))
        self.assertEqual(list(summary), ["run_name", "exit_reason", "eval", "epochs", "batches", "samples", "version", "world_size", "device", "seconds",
                                         "step_seconds", "images_per_second", "data_wait_share", "peak_memory_bytes", "replaced_samples", "rollbacks", "checkpoints"])
        self.assertEqual(list(summary["eval"]), ["accuracy", "cross_entropy", "sample_cross_entropy", "samples"])
        self.assertEqual(list(summary["seconds"]), ["train", "eval", "data_wait", "checkpoint_stall", "train_of_all_starts", "eval_of_all_starts",
                                                    "since_start"])
        self.assertEqual(list(summary["step_seconds"]), STEP_PARTS)
        self.assertEqual([summary[key] for key in ("run_name", "exit_reason", "epochs", "batches", "samples", "world_size", "device")],
                         ["tiny", "done", 1, 4, 32, 2, "cpu"])
        self.assertEqual(summary["checkpoints"], [f"{self.log_folder}/checkpoints/ep1-ba4"])
        self.assertTrue((self.log_folder / "checkpoints/latest/weights.safetensors").exists())
        self.assertGreater(summary["images_per_second"], 0)
        self.assertTrue(0 <= summary["data_wait_share"] <= 1)

    def test_tensorboard_finds_every_number_also_after_a_crash_and_a_restart(self):
        settings = {"max_duration": "12ba", "autoresume": "true", "save_interval": "2ba", "eval_interval": "4ba"}
        log_folder = self.folder / "run"
        with job.start(self.settings(log_folder=log_folder, **settings), 2) as running:
            job.wait_until(lambda: (log_folder / "metrics.jsonl").exists() and len(job.losses(log_folder)) >= 5)
            running.kill(running.ranks())
            killed = running.result()
        self.assertFalse((log_folder / "summary.json").exists(), killed)
        self.train("run", 2, **settings)
        self.assertEqual(len(list((log_folder / "tensorboard").iterdir())), 2)

        events = EventAccumulator(str(log_folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
        found = {(tag, e.step): e.value for tag in events.Tags()["scalars"] for e in events.Scalars(tag)}
        lines = [json.loads(line) for line in (log_folder / "metrics.jsonl").read_text().splitlines()]
        expected = {(key, line["batch"]): numpy.float32(value)
                    for line in lines for key, value in line.items() if key not in ("batch", "time") and value is not None}
        self.assertGreater(len(expected), 12)
        self.assertEqual(found, expected)
        [text] = events.Tensors("config.yaml")
        self.assertIn("max_duration: 12ba", text.tensor_proto.string_val[0].decode())
        pictures = events.Images("batch")  # one of each start
        self.assertEqual(pictures[0].step, 0)
        self.assertEqual(len(pictures), 2)
        for picture in pictures:
            sheet = Image.open(io.BytesIO(picture.encoded_image_string))
            self.assertEqual((picture.width, picture.height), sheet.size)
            self.assertGreater(len(sheet.convert("RGB").getcolors(1 << 24)), 100)

        self.train("run", max_duration="1ba", save_overwrite="true")
        self.assertEqual(len(list((log_folder / "tensorboard-1").iterdir())), 2)
        self.assertEqual(len(list((log_folder / "tensorboard").iterdir())), 1)

    def test_the_parts_of_the_steps_add_up_to_the_time_of_training(self):
        log_folder = self.train(ranks=2, **SMALL | {"max_duration": "52ba", "train_dataset__batch_size": 4, "eval_interval": "20ba"})
        summary = job.summary(log_folder)
        parts = summary["step_seconds"]
        whole = sum(seconds for part, seconds in parts.items() if part != "exchange_busy")
        self.assertLessEqual(abs(whole - summary["seconds"]["train"]), 0.05 * summary["seconds"]["train"], summary)
        for part in STEP_PARTS:
            self.assertGreater(parts[part], 0, part)
        self.assertGreater(min(parts["forward"], parts["backward"]), 0.02 * whole)

        ranks = [json.loads(line) for line in (log_folder / "ranks.jsonl").read_text().splitlines()]
        self.assertEqual([line["batch"] for line in ranks], [50])
        of_metrics = [line for line in self.lines() if "step_seconds/data" in line]
        self.assertEqual([line["batch"] for line in of_metrics], [50])
        for part in STEP_PARTS:
            self.assertEqual(len(ranks[0][part]), 2)
            self.assertAlmostEqual(of_metrics[0][f"step_seconds/{part}"], sum(ranks[0][part]) / 2, delta=1e-5)

    def test_a_second_run_keeps_the_metrics_of_the_first(self):
        self.train(**SMALL)
        first = (self.log_folder / "metrics.jsonl").read_text()
        self.train(**SMALL, is_train="false")
        self.assertEqual((self.log_folder / "metrics-1.jsonl").read_text(), first)
        self.assertEqual([line["batch"] for line in self.lines()], [0])

    def test_a_log_file_has_timestamped_lines_and_no_carriage_return(self):
        result = job.run(self.settings(**SMALL), 2)
        self.assertEqual(result.code, job.DONE, result)
        self.assertNotIn("\r", result.err + result.out)
        self.assertNotIn("\x1b", result.err + result.out)
        shown = [line for line in result.lines("100% [") if "train" in line]
        self.assertEqual(len(shown), 1, result)  # by one rank of the two
        self.assertRegex(shown[0], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d train +Epoch   0: 100% \[#{25}\] 4/4 .* loss/train/total=\d\.\d{4}, \d+:\d\d of the run left$")

    def test_a_terminal_has_one_line_per_bar_which_is_redrawn(self):
        shown = self.on_a_terminal(self.settings(**SMALL))
        self.assertGreaterEqual(shown.count("\r\x1b[Ktrain"), 2)  # drawn at the first batch and at the last
        lines = screen(shown)
        for bar, batches in (("train           Epoch   0: ", 4), ("eval            Epoch   0: ", 3)):
            of_bar = [line for line in lines if bar in line]
            self.assertEqual(len(of_bar), 1 if bar.startswith("train") else 2, shown)  # one evaluation before training, one after
            for line in of_bar:
                self.assertRegex(line, rf"^{bar}100% \[#{{25}}\] {batches}/{batches} ")
        self.assertTrue(lines[-2].endswith(f"done: {self.log_folder}"), shown)

    def test_no_progress_bar_if_none_is_wanted(self):
        self.assertNotIn("Epoch", self.on_a_terminal(self.settings(**SMALL, loggers__progress_bar="false")))

    def on_a_terminal(self, arguments):
        """What the program writes to a terminal of 120 columns."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        chunks = []

        def read_all():
            try:
                while chunk := os.read(ours, 65536):
                    chunks.append(chunk)
            except OSError:  # nobody has the other end open any more
                pass

        with job.start(arguments, stdout=theirs, stderr=theirs) as running:
            os.close(theirs)
            reader = threading.Thread(target=read_all)
            reader.start()
            result = running.result()
        reader.join()
        os.close(ours)
        text = b"".join(chunks).decode().replace("\r\n", "\n")  # the terminal's own doing
        self.assertEqual(result.code, job.DONE, text)
        return text


if __name__ == "__main__":
    unittest.main()
