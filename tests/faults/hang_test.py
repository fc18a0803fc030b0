"""A rank that dies or stops anywhere ends the job soon, is named, and the run goes on with the same bits; a slow one is named.

MOSAIC_HANGS=N: how many of the 30 combinations of signal, phase and rank to try (default 2; 10: each signal in each phase; 0: all).
"""

import json
import os
import pathlib
import re
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))

import job  # noqa: E402
from program_test import ProgramTest  # noqa: E402

TRIES = int(os.environ.get("MOSAIC_HANGS", 2))
RANKS = 3
LIMIT, FIRST_LIMIT, MARGIN = 5, 10, 10  # seconds
SETTINGS = {"max_duration": "12ba", "save_interval": "3ba", "eval_interval": "4ba", "autoresume": "true", "initial_evaluation": "false",
            "train_dataset__batch_size": 12, "eval_dataset__batch_size": 6, "gradient_bucket_bytes": 250000,
            "hang_limit": LIMIT, "hang_limit_first": FIRST_LIMIT}
BUCKETS = 12  # of that net's gradients
# Where the rank is struck, and the phase that it is then in.
PLACES = {
    "start": ({"CALL": "open", "NAME": "/train-00000.h5"}, "start"),
    "data": ({"CALL": "pread", "NAME": "/train-00000.h5", "AT": 30}, "step"),
    "all-reduce": ({"CALL": "reduce", "AT": 5 * BUCKETS + 3}, "step"),
    "checkpoint": ({"CALL": "gather", "AT": 2}, "checkpoint"),
    "evaluation": ({"CALL": "pread", "NAME": "/val-00000.h5", "AT": 2}, "evaluation"),
}


class HangTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.shards.parent / "whole"
        result = job.run(job.settings(cls.shards.parent, cls.shards, log_folder=cls.whole, **SETTINGS), RANKS)
        if result.code != job.DONE:
            raise AssertionError(result)

    def cases(self, number):
        """The three ranks in turn, a different one first for each signal and place."""
        all_places = list(PLACES)
        for i in range(len(all_places) * RANKS if TRIES == 0 else max(1, TRIES // 2)):
            at = (2 * i + (number == signal.SIGSTOP)) % len(all_places)
            yield all_places[at], (at + i // len(all_places) + (number == signal.SIGKILL)) % RANKS

    def struck(self, place, rank, number):
        """The run, with the rank struck by the signal. @return its result, and the seconds from the signal to its end"""
        self.log_folder = self.folder / f"{place}-{rank}-{int(number)}"
        log = self.folder / "struck"
        variables, _ = PLACES[place]
        result = job.run(self.settings(log_folder=self.log_folder, **SETTINGS), RANKS,
                         env=job.fault(rank, SIGNAL=int(number), LOG=log, **variables), limit=120)
        ended = time.monotonic()
        self.assertTrue(log.exists(), f"it was never struck: {result}")
        seconds = ended - float(log.read_text())
        log.unlink()
        return result, seconds

    def assert_goes_on_with_the_same_bits(self):
        result = job.run(self.settings(log_folder=self.log_folder, **SETTINGS), RANKS)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(self.log_folder), job.losses(self.whole))
        self.assertEqual(job.summary(self.log_folder)["eval"], job.summary(self.whole)["eval"])
        for name in ("weights.safetensors", "optimizer.safetensors", "ranks.safetensors"):
            self.assertTrue((self.log_folder / "checkpoints/latest" / name).read_bytes() ==
                            (self.whole / "checkpoints/latest" / name).read_bytes(), name)

    def test_a_rank_that_is_killed_ends_the_job_and_is_named_by_the_launcher(self):
        passed = 0
        for place, rank in self.cases(signal.SIGKILL):
            with self.subTest(place=place, rank=rank):
                result, seconds = self.struck(place, rank, signal.SIGKILL)
                self.assertNotIn(result.code, (job.DONE, job.SAVED, job.BAD_INPUT), result)
                self.assertLess(seconds, MARGIN, result)
                self.assertEqual(result.left_over, [], result)
                self.assertEqual(len(result.lines(f"process rank {rank} with PID ")), 1, result)
                self.assert_goes_on_with_the_same_bits()
                passed += 1
        print(f"killed: {passed} of {len(list(self.cases(signal.SIGKILL)))} ended, were named, and went on with the same bits", file=sys.stderr)

    def test_a_rank_that_is_stopped_is_found_and_named_and_the_job_ends(self):
        passed, slowest = 0, 0
        for place, rank in self.cases(signal.SIGSTOP):
            with self.subTest(place=place, rank=rank):
                result, seconds = self.struck(place, rank, signal.SIGSTOP)
                phase = PLACES[place][1]
                self.assertEqual(result.code, job.CRASH, result)
                self.assertEqual(result.left_over, [], result)
                verdict = result.lines("hung: ")
                self.assertEqual(len(verdict), 1, result)
                # The longer one where a phase has not ended once yet, or ten times what it took on a machine with other work.
                limit = int(re.search(r"and its limit is (\d+) s", verdict[0])[1])
                self.assertLess(seconds, limit + MARGIN, result)
                self.assertIn(f"rank {rank} of {RANKS} ({socket.gethostname()}, pid ", verdict[0])
                self.assertTrue(verdict[0].endswith("its process is stopped or dead"), verdict[0])
                report = [json.loads(line) for line in (self.log_folder / f"hang-{socket.gethostname()}.jsonl").read_text().splitlines()]
                self.assertEqual([line["rank"] for line in report], list(range(RANKS)))
                self.assertIn(f": {phase}", report[rank]["what"])
                self.assert_goes_on_with_the_same_bits()
                passed += 1
                slowest = max(slowest, seconds)
        print(f"stopped: {passed} of {len(list(self.cases(signal.SIGSTOP)))} found, named, ended in at most {slowest:.1f} s, "
              "and went on with the same bits", file=sys.stderr)

    def test_a_rank_that_is_stuck_in_reading_is_told_from_those_that_wait_for_it(self):
        result = job.run(self.settings(**SETTINGS), RANKS, env=job.fault(1, CALL="pread", NAME="/train-00000.h5", AT=30, DELAY=1000000000))
        self.assertEqual(result.code, job.CRASH, result)
        verdict = result.lines("hung: ")
        self.assertEqual(len(verdict), 1, result)
        self.assertIn(f"rank 1 of {RANKS} (", verdict[0])
        self.assertTrue(verdict[0].endswith("waiting for data: the others wait for it"), verdict[0])

    def test_a_job_that_is_suspended_for_longer_than_the_limit_goes_on(self):
        settings = self.settings(**SETTINGS | {"max_duration": "60ba"})
        with job.start(settings, RANKS) as running:
            running.wait_for("evaluation after ")
            ranks = running.ranks()
            for pid in ranks:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(FIRST_LIMIT + 2)
            for pid in ranks:
                os.kill(pid, signal.SIGCONT)
            result = running.result()
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(result.lines("hung: "), [], result)

    def test_without_a_limit_nothing_is_watched(self):
        self.train("run", RANKS, **SETTINGS | {"hang_limit": 0, "hang_limit_first": 0.001})


class SlowRankTest(ProgramTest):
    def test_a_rank_that_holds_up_the_others_is_named_with_what_it_does(self):
        sizes = {"train_dataset__batch_size": 12, "eval_dataset__batch_size": 6}
        undisturbed = json.loads((self.train("undisturbed", RANKS, max_duration="6ba", **sizes) / "summary.json").read_text())
        # Images are read while the batch before is computed: a rank that reads for three steps waits for two, also on a busy machine.
        read = 3 * undisturbed["seconds"]["train"] / 6 / (sizes["train_dataset__batch_size"] / RANKS)
        result = job.run(self.settings(max_duration="55ba", **sizes), RANKS,
                         env=job.fault(2, CALL="pread", NAME="/train-00000.h5", DELAY=int(1e6 * read)))
        self.assertEqual(result.code, job.DONE, result)
        said = result.lines(f"rank 2 of {RANKS} ({socket.gethostname()}) holds up the others: a step takes it ")
        self.assertEqual(len(said), 1, result)  # a window of 50 steps
        self.assertEqual(result.lines("holds up"), said, result)
        windows = [json.loads(line) for line in (self.log_folder / "ranks.jsonl").read_text().splitlines()]
        self.assertEqual([window["batch"] for window in windows], [50])
        for window in windows:
            self.assertGreater(window["data"][2], 2 * window["data"][0])
            # Whichever collective comes first after the data takes most of the others' waiting.
            waits = [sum(parts) for parts in zip(window["collectives"], window["exchange"])]
            self.assertGreater(waits[0], waits[2], window)


if __name__ == "__main__":
    unittest.main()
