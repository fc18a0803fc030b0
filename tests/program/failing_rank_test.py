"""One rank that fails alone ends the whole job: soon, non-zero, and saying which rank it was and why."""

import shutil
import signal
import time
import unittest

import job
from program_test import ProgramTest

SOON = 10  # seconds


class FailingRankTest(ProgramTest):
    def run_with_one_failing(self, ranks, failing, arguments, sentence, **changes):
        """Rank `failing` gets `arguments` in addition, for which it says `sentence` and ends the job."""
        script = f'if [ "$OMPI_COMM_WORLD_RANK" = {failing} ]; then exec "$@" {arguments}; fi; exec "$@"'
        with job.start(self.settings(**changes), ranks, wrapper=["sh", "-c", script, "sh"]) as running:
            running.wait_for(sentence)
            said_at = time.monotonic()
            result = running.result()
        self.assertLess(time.monotonic() - said_at, SOON)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len([line for line in result.lines(sentence) if line.startswith(sentence)]), 1, result)
        self.assertEqual(len(result.lines(f" of {ranks}: ")), 1, f"the other ranks have said something, too: {result}")
        self.assertEqual(result.left_over, [], result)

    def test_in_reading_the_configuration(self):
        self.run_with_one_failing(4, 2, "seed=x", "mosaic_resnet: rank 2 of 4: command line: seed: got x, expected a whole number")

    def test_in_opening_its_data(self):
        self.run_with_one_failing(2, 1, "train_dataset.path=/nowhere",
                                  "mosaic_resnet: rank 1 of 2: train_dataset.path: /nowhere: no such folder")

    def test_in_training(self):
        damaged = self.folder / "shards"
        shutil.copytree(self.shards, damaged)
        shard = damaged / "train-00000.h5"
        data = bytearray(shard.read_bytes())
        name = "red/032.ppm"  # the last image of all
        pixels = (self.shards.parent / "images/train" / name).read_bytes().split(b"255\n", 1)[1]
        data[data.index(pixels)] ^= 1
        shard.write_bytes(data)

        # Seven epochs, so that rank 1 gets the image in one of them; rank 0's copy of it is whole.
        self.run_with_one_failing(2, 1, f"train_dataset.path={damaged}",
                                  f"rank 1 of 2: sample 33 (train-00000.h5, image 33, {name}): CRC-32C: got ", max_duration="28ba")

        self.assertTrue((self.log_folder / "metrics.jsonl").exists(), "it had not begun")
        self.assertFalse((self.log_folder / "summary.json").exists())

    def test_by_being_killed(self):
        with job.start(self.settings(max_duration="1000ep"), 2) as running:
            running.wait_for("train           Epoch   0: 100%")
            ranks = running.ranks()
            self.assertEqual(len(ranks), 2)
            running.kill(ranks[:1])
            killed_at = time.monotonic()
            result = running.result()
        self.assertLess(time.monotonic() - killed_at, SOON)
        self.assertNotEqual(result.code, job.DONE, result)
        self.assertEqual(result.left_over, [], result)

    def test_a_launcher_that_ends_the_ranks_as_they_leave_changes_no_exit_code(self):
        # srun and mpirun send TERM to the others as soon as one has left with another code than 0.
        fault = job.fault(0, CALL="finalize", SIGNAL=int(signal.SIGTERM))
        wrong = job.run(self.settings(max_duration="soon"), 2, env=fault)
        self.assertEqual(wrong.code, job.BAD_INPUT, wrong)
        saved = job.run(self.settings(max_duration="1000ep", stop_signals="[USR1]"), 2,
                        env=fault | {"SLURM_JOB_END_TIME": str(int(time.time()) + 60)})
        self.assertEqual(saved.code, job.SAVED, saved)


if __name__ == "__main__":
    unittest.main()
