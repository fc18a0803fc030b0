"""mosaic_resnet --plan: a calibration by --check, a plan, a run that compares itself with it, and what is refused."""

import json
import unittest

import job
from program_test import ProgramTest

MEASURED = {"read_seconds", "image_bytes", "gradient_bytes", "parameter_bytes", "statistics_bytes", "checkpoint_seconds", "start_seconds", "memory_before", "memory_after"}


class PlanTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.calibration = cls.shards.parent / "calibration.json"

    def setUp(self):
        super().setUp()
        if not self.calibration.exists():
            for ranks in (0, 2):
                result = job.run(["--check", "--calibration", self.calibration, *self.settings()], ranks)
                self.assertEqual(result.code, job.DONE, result)
                self.assertEqual(len(result.lines("calibration.json: written")), 1, result)

    def plan(self, *options, calibration=None, **changes):
        return job.run(["--plan", "--calibration", calibration or self.calibration, *options, *self.settings(**changes)])

    def test_a_calibration_has_all_that_was_measured(self):
        one, two = json.loads(self.calibration.read_text())["calibrations"]
        self.assertEqual((one["ranks"], two["ranks"], two["nodes"]), (1, 2, 1))
        for calibration in (one, two):
            for name in MEASURED:
                self.assertGreater(calibration[name], 0, name)
            # Half of the side, too, and half of the rank's images.
            batch = 8 // calibration["ranks"]
            self.assertEqual([(s["side"], s["images"]) for s in calibration["steps"]], [(side, n) for side in (16, 32) for n in (batch // 2, batch)])
            for step in calibration["steps"]:
                self.assertLessEqual(step["low"], step["seconds"])
                self.assertLessEqual(step["seconds"], step["high"])
        self.assertEqual(one["exchange"], [])
        self.assertEqual([cost["bytes"] for cost in two["exchange"]], sorted(cost["bytes"] for cost in two["exchange"]))
        self.assertEqual(len(two["exchange"]), 3)

    def test_a_run_says_what_became_of_its_plan(self):
        result = self.plan("--ranks", 2, "--out", self.log_folder / "plan.json")
        self.assertEqual(result.code, job.DONE, result)
        for name in ("step", "limiting stage", "bytes per second", "total", "node-hours", "memory per rank"):
            [line] = [line for line in result.out.splitlines() if line.startswith(name + " ")]
            self.assertRegex(line[22:], "^(measured|assumed) ")
        self.train(ranks=2)
        compared = job.summary(self.log_folder)["plan"]
        self.assertEqual(list(compared), ["train", "eval", "train_and_eval", "total", "rank_memory_bytes"])
        self.assertEqual(compared["train"]["found"], job.summary(self.log_folder)["seconds"]["train_of_all_starts"])
        self.train(ranks=2, max_duration="4ba", save_overwrite="true")
        self.assertEqual(job.summary(self.log_folder)["plan"], {"not_compared": "the plan is for 2 ranks and 20 batches, the run had 2 and 4"})

    def test_what_a_calibration_cannot_tell_is_refused(self):
        self.assertEqual(self.plan("--ranks", 32, train_dataset__batch_size=32, eval_dataset__batch_size=32).code, job.DONE)
        result = self.plan("--ranks", 33, train_dataset__batch_size=33, eval_dataset__batch_size=33)
        self.assertEqual(result.err, "mosaic_resnet: --plan: got 33 ranks, calibrated were at most 2: expected at most 16 times as many; "
                                     "run --check --calibration on at least 3 ranks\n")  # fmt: skip
        result = self.plan("--ranks", 2, model__width=32)
        self.assertIn("no calibration is of these steps: model.width is 32, calibrated was 16", result.err)
        missing = self.folder / "nowhere.json"
        self.assertEqual(self.plan("--ranks", 2, calibration=missing).err, f"mosaic_resnet: {missing}: cannot open: No such file or directory\n")

    def test_options_that_do_not_fit_are_refused(self):
        self.assertIn("--plan: expected --ranks N", self.plan().err)
        self.assertIn("--ranks, --ranks-per-node and --out go with --plan", job.run(["--ranks", 2, *self.settings()]).err)
        self.assertIn("--calibration without --check or --plan", job.run(["--calibration", "x", *self.settings()]).err)


if __name__ == "__main__":
    unittest.main()
