"""A checkpoint that is being written meets a kill or a failing disk at any of its calls: the run goes on from a whole one, with the same bits.

MOSAIC_FAULTS=N: how many places to try of each kind, spread over all (default 2; 0: every one).
"""

import errno
import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "program"))

import job  # noqa: E402
from program_test import ProgramTest  # noqa: E402

SHIM = os.environ.get("MOSAIC_FAULTY_IO", str(job.BIN / "tests/libfaulty_io.so"))
PLACES = int(os.environ.get("MOSAIC_FAULTS", 2))
SETTINGS = {"max_duration": "6ba", "save_interval": "2ba", "autoresume": "true", "initial_evaluation": "false",
            "algorithms__ema": "{half_life: 4ba, update_interval: 2ba}"}
SECOND = "ep0-ba4"  # of three checkpoints


class CheckpointFaultsTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.shards.parent / "whole"
        log = cls.shards.parent / "calls"
        result = job.run(job.settings(cls.shards.parent, cls.shards, log_folder=cls.whole, **SETTINGS),
                         env=cls.environment(MOSAIC_FAULT_LOG=log))
        if result.code != job.DONE:
            raise AssertionError(result)
        calls = log.read_text().splitlines()
        # Those of the third checkpoint are logged, too.
        end = next(i for i, call in enumerate(calls) if call.startswith("rename ") and call.endswith("/latest")) + 2
        cls.calls = calls[:end]

    @staticmethod
    def environment(**changes):
        return job.ENVIRONMENT | {"LD_PRELOAD": SHIM, "MOSAIC_FAULT_NAME": SECOND} | {key: str(value) for key, value in changes.items()}

    def places(self):
        step = max(1, len(self.calls) // PLACES) if PLACES else 1
        return range(0, len(self.calls), step)

    def run_with_fault(self, at, kind, name):
        self.log_folder = self.folder / name
        return job.run(self.settings(log_folder=self.log_folder, **SETTINGS), env=self.environment(MOSAIC_FAULT_AT=at, MOSAIC_FAULT_KIND=kind))

    def assert_ended_as_the_whole_run(self):
        self.assertEqual(job.losses(self.log_folder), job.losses(self.whole))
        found, expected = self.log_folder / "checkpoints/latest", self.whole / "checkpoints/latest"
        for file in ("weights.safetensors", "ema.safetensors", "optimizer.safetensors"):
            self.assertTrue((found / file).read_bytes() == (expected / file).read_bytes(), file)
        self.assertEqual(sorted(path.name for path in (self.log_folder / "checkpoints").iterdir()), ["ep1-ba6", "latest"])
        shutil.rmtree(self.log_folder)  # 330 of them would fill a disk

    def test_the_calls_are_those_of_a_checkpoint(self):
        actions = {call.partition(" ")[0] for call in self.calls}
        self.assertEqual(actions, {"mkdir", "write", "fsync", "rename", "symlink"}, self.calls)
        self.assertGreater(len(self.calls), 25)

    def test_killed_at_a_call_it_resumes_from_a_whole_checkpoint_with_the_same_bits(self):
        tried = 0
        for at in self.places():
            with self.subTest(at=at, call=self.calls[at]):
                killed = self.run_with_fault(at, "kill", f"kill-{at}")
                self.assertEqual(killed.code, -9, killed)
                again = job.run(self.settings(log_folder=self.log_folder, **SETTINGS))
                self.assertEqual(again.code, job.DONE, again)
                self.assertEqual(len(again.lines(f"loaded {self.log_folder}/checkpoints/ep0-ba")), 1, again)
                self.assert_ended_as_the_whole_run()
                tried += 1
        print(f"killed at {tried} of {len(self.calls)} calls: {tried} resumed", file=sys.stderr)

    def call_that_fails_costs_that_checkpoint_and_no_more(self, kind):
        tried = 0
        for at in self.places():
            with self.subTest(at=at, call=self.calls[at]):
                result = self.run_with_fault(at, kind, f"{kind}-{at}")
                self.assertEqual(result.code, job.DONE, result)
                said = result.lines("warning: the last checkpoint could not be saved: ")
                self.assertEqual(len(said), 1, result)
                self.assertIn(os.strerror(kind), said[0])
                self.assert_ended_as_the_whole_run()
                tried += 1
        print(f"{errno.errorcode[kind]} at {tried} of {len(self.calls)} calls: the checkpoint before was whole, the next one was written",
              file=sys.stderr)

    def test_a_full_disk_at_a_call_costs_that_checkpoint_and_no_more(self):
        self.call_that_fails_costs_that_checkpoint_and_no_more(errno.ENOSPC)

    def test_a_full_quota_at_a_call_costs_that_checkpoint_and_no_more(self):
        self.call_that_fails_costs_that_checkpoint_and_no_more(errno.EDQUOT)

    def test_a_call_that_fails_once_with_an_error_that_passes_is_tried_again_and_costs_nothing(self):
        tried = 0
        for at in self.places():
            with self.subTest(at=at, call=self.calls[at]):
                result = self.run_with_fault(at, errno.EIO, f"again-{at}")
                self.assertEqual(result.code, job.DONE, result)
                self.assertEqual(len(result.lines(f"{SECOND} failed and is tried again: ")), 1, result)
                self.assertEqual(result.lines("could not be saved"), [], result)
                self.assert_ended_as_the_whole_run()
                tried += 1
        print(f"EIO at {tried} of {len(self.calls)} calls: {tried} written at the second try", file=sys.stderr)

    def test_a_disk_that_goes_on_failing_costs_the_checkpoint_and_no_more(self):
        result = self.run_with_fault(self.places()[0], f"{int(errno.EIO)} for ever", "for-ever")
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines(f"{SECOND} failed and is tried again: ")), 3, result)
        self.assertEqual(len(result.lines("warning: the last checkpoint could not be saved: ")), 1, result)
        self.assertEqual(os.readlink(self.log_folder / "checkpoints/latest"), "ep0-ba2")
        self.assertEqual(sorted(job.losses(self.log_folder)), list(range(1, 7)), "training did not go on")

    def test_writes_that_all_take_half_of_the_bytes_are_continued(self):
        result = self.run_with_fault(0, "short for ever", "all-short")
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(result.lines("could not be saved"), [], result)
        self.assert_ended_as_the_whole_run()


if __name__ == "__main__":
    unittest.main()
