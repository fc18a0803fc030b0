"""A run that is asked to stop saves once, ends with 85 on all ranks, and goes on with the same bits when it is started again."""

import os
import random
import signal
import sys
import time
import unittest

import job
from program_test import ProgramTest

SAVED = job.SAVED
STOPS = int(os.environ.get("MOSAIC_STOPS", 2))  # of each chain
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
        # On a machine with other work the signal would else come when all is over.
        slow = job.fault(0, CALL="reduce", DELAY=100000)
        with job.start(arguments, ranks, env=slow) as running:
            job.wait_until(lambda: running.process.poll() is not None or self.batches_logged() >= batch)
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
        place = f"-ba{max(job.losses(self.log_folder), default=0)}"
        self.assertEqual(len([line for line in result.lines(" saved ") if f"{place} in " in line]), 1, result)
        self.assertTrue(os.readlink(self.log_folder / "checkpoints/latest").endswith(place), result)
        self.assertTrue((self.log_folder / "checkpoints/latest/state.json").exists())

    def assert_goes_on_as(self, whole, ranks=2, **changes):
        result = job.run(self.settings(**SETTINGS | changes), ranks)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(self.log_folder), job.losses(whole))
        self.assertEqual(job.summary(self.log_folder)["eval"], job.summary(whole)["eval"])
        for name in ("weights.safetensors", "optimizer.safetensors"):
            self.assertTrue((self.log_folder / "checkpoints/latest" / name).read_bytes() ==
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

    def chain_ends_as_an_undisturbed_run(self, **settings):
        """STOPS starts, each stopped after a few batches, in an evaluation or in a save, by some signal to one rank or to all."""
        # Every start but the last is stopped after at most three batches more.
        settings |= {"max_duration": f"{4 * STOPS + 10}ba", "eval_interval": "5ba", "save_interval": "3ba"}
        whole = self.train("whole", 2, **SETTINGS | settings)
        draws = random.Random(17)

        def act(ranks):
            number = draws.choice((signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP))
            for pid in draws.choice((ranks, ranks[:1], ranks[-1:])):
                os.kill(pid, number)

        stops = 0
        for _ in range(STOPS):
            result = self.stopped(act, batch=draws.randint(1, 3), **settings)
            self.assert_saved(result)
            stops += 1
        self.assert_goes_on_as(whole, **settings)
        print(f"{stops} stops: {stops} saved, ended with 85, and the chain ends as the undisturbed run", file=sys.stderr)

    def test_a_chain_of_stops_ends_as_an_undisturbed_run_of_the_baseline(self):
        self.chain_ends_as_an_undisturbed_run()

    def test_a_chain_of_stops_ends_as_an_undisturbed_run_of_the_recipe_medium(self):
        self.chain_ends_as_an_undisturbed_run(**MEDIUM)

    def test_a_stop_in_an_evaluation_saves_at_once_and_the_next_start_evaluates_again(self):
        settings = {"eval_interval": "2ba", "max_duration": "4ba", "initial_evaluation": "false", "eval_dataset__batch_size": 2}
        whole = self.train("whole", 2, **SETTINGS | settings)
        # Each of the five batches of the evaluation takes half a second.
        slow = job.fault(0, CALL="pread", NAME="/val-00000.h5", DELAY=500000)
        with job.start(self.settings(**SETTINGS | settings), 2, env=slow) as running:
            running.wait_for("eval            Epoch   0:  20%")
            os.kill(running.ranks()[1], signal.SIGUSR1)
            result = running.result()
        self.assert_saved(result)
        self.assertEqual(sorted(job.losses(self.log_folder)), [1, 2])
        self.assertEqual(job.metrics(self.log_folder, "metrics/eval/MulticlassAccuracy"), {})
        self.assert_goes_on_as(whole, **settings)
        self.assertEqual(job.metrics(self.log_folder, "metrics/eval/CrossEntropy"), job.metrics(whole, "metrics/eval/CrossEntropy"))

    def test_a_stop_in_the_last_evaluation_leaves_it_to_the_next_start(self):
        settings = {"max_duration": "4ba", "initial_evaluation": "false", "eval_dataset__batch_size": 2}
        whole = self.train("whole", 2, **SETTINGS | settings)
        slow = job.fault(0, CALL="pread", NAME="/val-00000.h5", DELAY=500000)
        with job.start(self.settings(**SETTINGS | settings), 2, env=slow) as running:
            running.wait_for("eval            Epoch   0:  20%")
            for pid in running.ranks():
                os.kill(pid, signal.SIGTERM)
            result = running.result()
        self.assertEqual(result.code, SAVED, result)
        self.assert_goes_on_as(whole, **settings)

    def test_a_run_that_dies_in_its_last_evaluation_is_evaluated_by_the_next_start(self):
        settings = {"max_duration": "4ba", "initial_evaluation": "false"}
        whole = self.train("whole", 2, **SETTINGS | settings)
        killed = job.run(self.settings(**SETTINGS | settings), 2,
                         env=job.fault(1, CALL="pread", NAME="/val-00000.h5", AT=3, SIGNAL=int(signal.SIGKILL)))
        self.assertNotIn(killed.code, (job.DONE, SAVED), killed)
        self.assertTrue((self.log_folder / "checkpoints/latest/state.json").exists(), killed)
        self.assert_goes_on_as(whole, **settings)

    def test_a_stop_while_a_checkpoint_is_written_saves_once_more_and_ends(self):
        whole = self.train("whole", 2, **SETTINGS)
        with job.start(self.settings(**SETTINGS | {"save_interval": "2ba"}), 2) as running:
            job.wait_until(lambda: list(self.log_folder.glob("checkpoints/.*.partial")) or running.process.poll() is not None, 0.0005)
            for pid in running.ranks():
                os.kill(pid, signal.SIGUSR2)
            result = running.result()
        self.assertEqual(result.code, SAVED, result)
        self.assertEqual(list(self.log_folder.glob("checkpoints/.*")), [])
        self.assert_goes_on_as(whole)

    def test_a_time_limit_of_ones_own_stops_the_run_in_time(self):
        result = job.run(self.settings(**SETTINGS | {"max_duration": "100000ba", "time_limit": 123, "save_num_checkpoints_to_keep": 1}))
        self.assert_saved(result)  # stop_margin is 120
        self.assertEqual(len(result.lines("asked to stop: the job's time ends in ")), 1, result)

    def test_files_in_the_log_folder_save_and_stop(self):
        def act(_):
            (self.log_folder / "save").touch()
            job.wait_until((self.log_folder / "checkpoints/latest").exists)
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

    def test_user_signals_to_mpirun_itself_reach_the_ranks_and_others_end_them_but_lose_no_checkpoint(self):
        settings = SETTINGS | {"save_interval": "2ba"}
        whole = self.train("whole", 2, **settings)
        for name in ("USR1", "USR2", "TERM", "HUP"):
            with self.subTest(signal=name):
                self.log_folder = self.folder / f"run-{name}"

                def act(ranks):
                    job.wait_until((self.log_folder / "checkpoints/latest").exists)
                    os.kill(job.parent(ranks[0]), getattr(signal, f"SIG{name}"))

                result = self.stopped(act, log_folder=self.log_folder, **settings)
                if name.startswith("USR"):
                    self.assert_saved(result)
                else:
                    self.assertNotIn(result.code, (job.DONE, SAVED, job.BAD_INPUT), result)
                    self.assertEqual(result.left_over, [], result)
                self.assert_goes_on_as(whole, log_folder=self.log_folder, **settings)

    def test_a_signal_that_is_not_asked_for_ends_the_process(self):
        result = self.stopped(lambda ranks: os.kill(ranks[0], signal.SIGUSR2), ranks=0, stop_signals="[USR1]", max_duration="1000ba")
        self.assertEqual(result.code, -signal.SIGUSR2, result)

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
    """A NaN in the gradients of one rank of two, in the fifth step."""

    POLICIES = {"max_duration": "5ba", "save_interval": "1ba", "save_num_checkpoints_to_keep": -1, "initial_evaluation": "false",
                "gradient_bucket_bytes": 10**9}  # one exchange a step

    def run_with_nan(self, **changes):
        return job.run(self.settings(**self.POLICIES | changes), 2, env=job.fault(1, CALL="reduce", AT=4, NAN=1))

    def state(self, name):
        folder = self.log_folder / "checkpoints" / name
        # Not ranks.safetensors: at the start of a step rank 1 takes over rank 0's statistics.
        return [(folder / file).read_bytes() for file in ("weights.safetensors", "optimizer.safetensors")]

    def test_stop_ends_all_ranks_before_the_update(self):
        result = self.run_with_nan()
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines("step 4 (epoch 1, batch 0): loss or gradients are not finite")), 1, result)
        self.assertEqual(sorted(path.name for path in (self.log_folder / "checkpoints").glob("ep*")), ["ep0-ba1", "ep0-ba2", "ep0-ba3", "ep0-ba4"])
        self.assertEqual(result.left_over, [], result)

    def test_skip_leaves_the_weights_of_all_ranks_as_they_were(self):
        result = self.run_with_nan(on_nonfinite="skip")
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("loss or gradients are not finite")), 1, result)
        self.assertTrue(self.state("ep1-ba5") == self.state("ep0-ba4"))

    def test_rollback_takes_the_weights_of_the_last_checkpoint_and_goes_on_behind_the_bad_batch(self):
        result = self.run_with_nan(on_nonfinite="rollback", save_interval="3ba")
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines(f"Rolled back to the weights of {self.log_folder}/checkpoints/ep0-ba3; the run goes on")), 1, result)
        self.assertTrue(self.state("ep1-ba5") == self.state("ep0-ba3"))
        self.assertEqual(job.summary(self.log_folder)["rollbacks"], 1)

    def test_rollback_without_a_checkpoint_stops(self):
        result = self.run_with_nan(on_nonfinite="rollback", save_interval="100ba")
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines("on_nonfinite is rollback, but there is no checkpoint yet to go back to")), 1, result)

    def test_rollback_ends_at_its_limit(self):
        result = job.run(self.settings(optimizer__lr="1e30", on_nonfinite="rollback", nonfinite_limit=3, save_interval="1ba"), 2)
        self.assertEqual(result.code, job.CRASH, result)
        self.assertEqual(len(result.lines("It was rolled back 3 times, and nonfinite_limit allows no more")), 1, result)

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
