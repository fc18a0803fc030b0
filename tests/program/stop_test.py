"""A run that is asked to stop saves once, ends with 85 on all ranks, and goes on with the same bits when it is started again."""

import os
import signal
import time
import unittest

import job
from program_test import ProgramTest

SAVED = 85
STOPS = int(os.environ.get("MOSAIC_STOPS", 4))  # of the chain
SETTINGS = {"max_duration": "12ba", "autoresume": "true", "save_num_checkpoints_to_keep": -1}
MEDIUM = {
    "model__loss_name": "binary_cross_entropy",
    "algorithms": "{blurpool: {}, channels_last: true, ema: {half_life: 8ba, update_interval: 4ba}, progressive_resizing: {}, "
    "label_smoothing: {}, mixup: {}, sam: {interval: 3}}",
}


class StopTest(ProgramTest):
    def stopped(self, act, ranks=2, batch=3, **changes):
        """Starts the run, calls act(process ids of the ranks) once it has logged `batch` batches more, and waits for its end."""
        arguments = self.settings(**SETTINGS | changes)
        batch += self.batches_logged()
        with job.start(arguments, ranks) as running:
            limit = time.monotonic() + job.LIMIT
            while time.monotonic() < limit and running.process.poll() is None and self.batches_logged() < batch:
                time.sleep(0.002)
            act(running.ranks())
            return running.result()

    def batches_logged(self):
        metrics = self.log_folder / "metrics.jsonl"
        return metrics.read_bytes().count(b'"loss/train/total"') if metrics.exists() else 0

    def assert_saved(self, result):
        self.assertEqual(result.code, SAVED, result)
        self.assertEqual(result.left_over, [], result)
        summary = job.summary(self.log_folder)
        self.assertEqual(summary["exit_reason"], "stopped")
        self.assertEqual(len(summary["checkpoints"]), 1, result)
        self.assertTrue((self.log_folder / "checkpoints/latest/state.json").exists())

    def assert_goes_on_as(self, whole, ranks=2, **changes):
        result = job.run(self.settings(**SETTINGS | changes), ranks)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(self.log_folder), job.losses(whole))
        self.assertEqual(job.summary(self.log_folder)["eval"], job.summary(whole)["eval"])
        for name in ("weights.safetensors", "optimizer.safetensors"):
            self.assertEqual((self.log_folder / "checkpoints/latest" / name).read_bytes(),
                             (whole / "checkpoints/latest" / name).read_bytes(), name)

    def test_every_stop_signal_to_one_rank_or_to_all_saves_and_ends_all_ranks_with_85(self):
        whole = self.train("whole", 2, **SETTINGS)
        for number, name in enumerate(("TERM", "USR1", "USR2", "HUP")):
            with self.subTest(signal=name):
                self.log_folder = self.folder / f"run-{name}"
                which = slice(number % 2, number % 2 + 1) if number < 3 else slice(None)  # one rank, or all

                def act(ranks):
                    for pid in ranks[which]:
                        for _ in range(2):  # a second one changes nothing
                            os.kill(pid, getattr(signal, f"SIG{name}"))

                self.assert_saved(self.stopped(act, log_folder=self.log_folder))
                self.assert_goes_on_as(whole, log_folder=self.log_folder)

    def test_a_chain_of_stops_ends_as_an_undisturbed_run_of_the_recipe_medium(self):
        settings = MEDIUM | {"max_duration": "40ba"}
        whole = self.train("whole", 2, **SETTINGS | settings)

        def act(ranks):
            for pid in ranks[-1:]:
                os.kill(pid, signal.SIGUSR1)

        stops = 0
        while (result := self.stopped(act, batch=1, **settings)).code == SAVED and stops < STOPS:
            stops += 1
        self.assertEqual(stops, STOPS, result)
        self.assert_goes_on_as(whole, **settings)

    def test_files_in_the_log_folder_save_and_stop(self):
        def act(_):
            (self.log_folder / "save").touch()
            limit = time.monotonic() + job.LIMIT
            while not (self.log_folder / "checkpoints/latest").exists() and time.monotonic() < limit:
                time.sleep(0.01)
            (self.log_folder / "stop").touch()

        result = self.stopped(act, ranks=0, max_duration="100000ba", save_num_checkpoints_to_keep=1)
        self.assert_saved(result)
        self.assertFalse((self.log_folder / "save").exists() or (self.log_folder / "stop").exists())
        self.assertEqual(len(result.lines(f"asked to stop: {self.log_folder}/stop")), 1, result)

    def test_a_run_stops_before_the_job_ends(self):
        environment = job.ENVIRONMENT | {"SLURM_JOB_END_TIME": str(int(time.time()) + 100)}
        result = job.run(self.settings(**SETTINGS), env=environment)
        self.assert_saved(result)
        self.assertLess(len(job.losses(self.log_folder)), 12)
        self.assertEqual(len(result.lines("asked to stop: the job's time ends in ")), 1, result)

    def test_a_signal_that_is_not_asked_for_ends_the_process(self):
        result = self.stopped(lambda ranks: os.kill(ranks[0], signal.SIGHUP), ranks=0, stop_signals="[USR1]", max_duration="1000ba")
        self.assertEqual(result.code, -signal.SIGHUP, result)

    def test_a_finished_run_that_is_started_again_has_nothing_to_do(self):
        self.train("run", **SETTINGS)
        before = (self.log_folder / "metrics.jsonl").read_bytes()
        result = job.run(self.settings(**SETTINGS))
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("nothing to do: ")), 1, result)
        self.assertEqual((self.log_folder / "metrics.jsonl").read_bytes(), before)

    def test_the_fourth_start_without_a_new_step_is_refused(self):
        self.log_folder.mkdir()
        (self.log_folder / "starts.json").write_text('{"batch": 0, "starts": 3}')
        result = job.run(self.settings(**SETTINGS), 2)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines(f"{self.log_folder}: start number 4 after batch 0, and none of the earlier ones")), 1, result)
        (self.log_folder / "starts.json").write_text('{"batch": 7, "starts": 3}')
        self.train("run", 2, **SETTINGS)


class NonfiniteTest(ProgramTest):
    def test_a_run_that_diverges_stops_with_the_weights_of_the_last_good_step(self):
        result = job.run(self.settings(optimizer__lr="1e30"), 2)
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines("loss or gradients are not finite")), 1, result)
        self.assertEqual(result.left_over, [], result)

    def test_steps_that_are_not_finite_are_skipped_as_often_as_allowed(self):
        result = job.run(self.settings(optimizer__lr="1e30", on_nonfinite="skip", nonfinite_limit=3), 2)
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines("for the 4th time in a row; nonfinite_limit is 3")), 1, result)


if __name__ == "__main__":
    unittest.main()
