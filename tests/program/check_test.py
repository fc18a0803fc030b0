"""mosaic_resnet --check: one row for each check, the faults among them, exit code 0 or 3, and nothing left behind."""

import os
import re
import shutil
import time
import unittest

import job
from program_test import ProgramTest

ROWS = ["configuration", "ranks", "cores", "devices", "shards", "checksums", "all-reduce of 102 MB", "save_folder", "log_folder",
        "reading", "training step", "time"]  # fmt: skip


class CheckTest(ProgramTest):
    def check(self, ranks=0, environment=None, **changes):
        return job.run(["--check", *self.settings(**changes)], ranks, **({"env": job.ENVIRONMENT | environment} if environment else {}))

    def table(self, result):
        """{name: (verdict, what was found)} in the order of the rows."""
        rows = {}
        for line in result.out.splitlines():
            if line[:6].strip() in ("ok", "warn", "BAD"):
                rows[line[6:28].strip()] = (line[:6].strip(), line[30:])
        return rows

    def assert_bad(self, result, name, found, others_go_on=True):
        """One bad row, which says `found`; the job ends with 3 and a sentence that names the check."""
        self.assertEqual(result.code, job.BAD_INPUT, result)
        rows = self.table(result)
        self.assertEqual([row for row, (verdict, _) in rows.items() if verdict == "BAD"], [name], result)
        self.assertIn(found, rows[name][1])
        self.assertEqual(len(result.lines(f"mosaic_resnet: --check: not ready to run: {name}")), 1, result)
        self.assertEqual(result.left_over, [], result)
        self.assertFalse(self.log_folder.exists(), result)

    def copied_shards(self):
        copy = self.folder / "copy"
        shutil.copytree(self.shards, copy)
        return copy

    def test_a_run_that_can_start_has_no_bad_row_and_leaves_nothing(self):
        for ranks in (0, 2):
            result = self.check(ranks)
            self.assertEqual(result.code, job.DONE, result)
            rows = self.table(result)
            self.assertEqual(list(rows), ROWS, result)
            self.assertNotIn("BAD", [verdict for verdict, _ in rows.values()], result)
            self.assertEqual(rows["ranks"], ("ok", f"{ranks or 1} rank{'s' if ranks else ''} on 1 node"))
            self.assertEqual(rows["shards"][1], "34 images in 1 shard (train), 10 images in 1 shard (val), 281.6 KiB, 3 classes")
            self.assertEqual(rows["checksums"], ("ok", "44 images read, all good"))
            self.assertFalse(self.log_folder.exists())

    def test_a_wrong_setting_is_said_as_in_a_run(self):
        self.assert_refused(self.check(2, max_duration="soon"), "mosaic_resnet: command line: max_duration: got soon, expected "
                            "a time in ep or ba, 1 or more (10ep, 500ba), or a whole number of epochs")  # fmt: skip

    def test_ranks_that_do_not_know_of_each_other(self):
        result = self.check(environment={"SLURM_STEP_NUM_TASKS": "4"})
        self.assert_bad(result, "ranks", "1 rank on 1 node")
        self.assertEqual(len(result.lines("expected: 4, as srun has started: it belongs to another MPI than this program")), 1, result)

    def test_a_missing_shard(self):
        copy = self.copied_shards()
        (copy / "val-00000.h5").unlink()
        for ranks in (0, 2):
            self.assert_bad(self.check(ranks, train_dataset__path=copy, eval_dataset__path=copy), "shards", "no shards of split 'val'")

    def test_a_truncated_shard(self):
        copy = self.copied_shards()
        os.truncate(copy / "train-00000.h5", 100_000)
        self.assert_bad(self.check(2, train_dataset__path=copy, eval_dataset__path=copy), "shards", "train-00000.h5")

    def test_a_damaged_image(self):
        copy = self.copied_shards()
        shard = copy / "train-00000.h5"
        source = self.shards.parent / "images/train/green/004.ppm"
        pixels = source.read_bytes().split(b"255\n", 1)[1]
        changed = bytearray(pixels)
        changed[len(pixels) // 2] ^= 0x10
        whole = shard.read_bytes()
        self.assertEqual(whole.count(pixels), 1)
        shard.write_bytes(whole.replace(pixels, bytes(changed)))
        for ranks in (0, 2):
            result = self.check(ranks, train_dataset__path=copy, eval_dataset__path=copy)
            rows = self.table(result)
            self.assertEqual(result.code, job.BAD_INPUT, result)
            self.assertEqual(rows["checksums"][0], "BAD")
            self.assertIn("44 images read, 1 bad, the first: sample 13 (train-00000.h5, image 13, green/004.ppm): CRC-32C: got", rows["checksums"][1])
            self.assertEqual(result.left_over, [], result)

    def test_a_folder_for_checkpoints_that_cannot_be_made(self):
        (self.folder / "file").write_text("")
        for ranks in (0, 2):
            self.assert_bad(self.check(ranks, save_folder=self.folder / "file/checkpoints"), "save_folder", "Not a directory")

    def test_a_disk_that_is_too_small_for_the_checkpoints(self):
        # Two of 5.4 MiB, and the old one stays until the new one is there: one fits, two do not.
        for size, found in (("3m", "No space left on device"), ("8m", "8.0 MiB free")):
            disk = self.small_disk(size)  # over the one before
            self.assert_bad(self.check(2, save_folder=disk / "checkpoints", save_interval="10ba"), "save_folder", found)
            self.assertEqual(list(disk.iterdir()), [])

    def test_the_size_of_a_checkpoint_is_that_of_the_run(self):
        changes = {"algorithms__ema": "{}", "model__num_classes": 1000}
        row = self.table(self.check(2, **changes))["save_folder"][1]
        [mebibytes] = re.findall(r"a checkpoint of ([0-9.]+) MiB", row)
        folder = self.train(ranks=2, max_duration="2ba", **changes) / "checkpoints/ep0-ba2"
        size = sum(file.stat().st_size for file in folder.iterdir())
        self.assertAlmostEqual(float(mebibytes) * 2**20 / size, 1, delta=0.02)

    def test_a_job_that_ends_before_its_run_is_a_warning(self):
        in_ten_minutes = {"SLURM_JOB_END_TIME": str(int(time.time()) + 600)}
        result = self.check(max_duration="100000ep", environment=in_ten_minutes)
        self.assertEqual(result.code, job.DONE, result)
        verdict, found = self.table(result)["time"]
        self.assertEqual(verdict, "warn")
        self.assertRegex(found, r"^about [0-9.]+ h for 100000ep; the job ends in (9|10) min$")

        result = self.check(max_duration="100000ep", autoresume="true", environment=in_ten_minutes)
        self.assertEqual(self.table(result)["time"][0], "ok", result)


if __name__ == "__main__":
    unittest.main()
