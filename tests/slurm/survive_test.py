"""What a cluster does to jobs, done to the shipped scripts in a real Slurm of two nodes: the job's state and exit code are as
README.md says, and a run that was stopped ends with the same accuracy as one that was not.

usage: survive_test.py [-v] [NAME...]; MOSAIC_SLURM_ROUNDS=N does each N times, at other moments of the run (default 0: each of those once
that take less than a minute)
"""

import os
import random
import unittest

from cluster import ROOT, SIZE, TINY, SlurmTest, job, require

ROUNDS = int(os.environ.get("MOSAIC_SLURM_ROUNDS", "0"))
takes_minutes = unittest.skipIf(ROUNDS == 0, "MOSAIC_SLURM_ROUNDS=1 runs it")
SHORT = 80  # batches
# Slurm counts limits in minutes and looks for jobs near theirs twice a minute: the run must be `long`.
LIMIT_OF_A_MINUTE = ["--time=1", "--signal=B:USR1@50"]


class SurviveTest(SlurmTest):
    moments = random.Random(17)
    summaries = {}  # of undisturbed runs, by their length

    def submit_run(self, batches, *options, margin=0, **environment):
        # margin: seconds before the job's end at which the program stops by itself; 0 leaves that to Slurm's signal
        settings = [*TINY, f"max_duration={batches}ba", f"stop_margin={margin}"]
        return self.submit("resnet50_medium.sbatch", *settings, options=options, **environment)

    def run_undisturbed(self, batches):
        """The summary of a run that nothing happens to."""
        number = self.submit_run(batches)
        self.assert_ended(number, "COMPLETED")
        return job.summary(self.run_of(number))

    def undisturbed(self, batches):
        """The same, run once."""
        if batches not in self.summaries:
            self.summaries[batches] = self.run_undisturbed(batches)
        return self.summaries[batches]

    def long(self):
        """Batches of a run of about 45 s on this machine as busy as it is now."""
        return max(SHORT, int(45 * SHORT / self.run_undisturbed(SHORT)["seconds"]["train"]))

    def start(self, *options, **environment):
        """A job in the middle of its run."""
        number = self.submit_run(SHORT, *options, **environment)
        self.wait_for_batch(number, self.moments.randrange(1, SHORT // 2))
        return number

    def assert_same_end(self, folder, batches=SHORT):
        """The run is done, has trained every batch, and has the accuracy of one that was not disturbed."""
        summary = job.summary(folder)
        self.assertEqual((summary["exit_reason"], summary["batches"]), ("done", batches))
        self.assertEqual(summary["eval"], self.undisturbed(batches)["eval"])

    def assert_completed(self, number, restarts):
        fields = self.assert_ended(number, "COMPLETED")
        self.assertEqual(fields["Restarts"], str(restarts), self.output(number))

    @takes_minutes
    def test_a_job_at_its_time_limit_saves_is_requeued_and_ends_alike(self):
        for _ in range(max(1, ROUNDS)):
            batches = self.long()
            number = self.submit_run(batches, *LIMIT_OF_A_MINUTE)
            fields = self.assert_ended(number, "COMPLETED")
            self.assertGreaterEqual(int(fields["Restarts"]), 1, self.output(number))
            self.assertEqual(self.output(number).count("got SIGUSR1\n"), int(fields["Restarts"]), self.output(number))
            self.assertEqual(self.output(number).count("saved; requeueing\n"), int(fields["Restarts"]), self.output(number))
            self.assert_same_end(self.run_of(number), batches)

    @takes_minutes
    def test_a_job_without_a_warning_stops_before_its_time_is_over(self):
        batches = self.long()
        number = self.submit_run(batches, "--time=1", "--signal=B:CONT@1", margin=30)
        fields = self.assert_ended(number, "COMPLETED")
        self.assertGreaterEqual(int(fields["Restarts"]), 1, self.output(number))
        self.assertEqual(self.output(number).count("saved; requeueing\n"), int(fields["Restarts"]), self.output(number))
        self.assertNotIn("got SIGUSR1", self.output(number))
        self.assert_same_end(self.run_of(number), batches)

    def test_a_requeued_job_ends_alike(self):
        for _ in range(max(1, ROUNDS)):
            number = self.start()
            self.assertEqual(self.cluster.call("scontrol", "requeue", number).returncode, 0)
            self.assert_completed(number, 1)
            self.assertIn("saved; the job is being ended or requeued already\n", self.output(number))
            self.assert_same_end(self.run_of(number))

    @takes_minutes
    def test_a_preempted_job_makes_room_within_its_grace_time_and_ends_alike(self):
        for _ in range(max(1, ROUNDS)):
            number = self.start("--partition=preempt")
            urgent = int(self.cluster.call("sbatch", "--parsable", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true").stdout)
            self.assert_ended(urgent, "COMPLETED")
            self.assert_completed(number, 1)
            self.assertIn("saved; requeueing\n", self.output(number))
            self.assert_same_end(self.run_of(number))

    @takes_minutes
    def test_a_cancelled_job_saves_and_stays_cancelled(self):
        for _ in range(max(1, ROUNDS)):
            number = self.start()
            self.assertEqual(self.cluster.call("scancel", number).returncode, 0)
            fields = self.cluster.wait_for_end(number)
            self.assertEqual((fields["JobState"], fields["Restarts"]), ("CANCELLED", "0"), self.output(number))
            folder = self.run_of(number)
            done = len(job.losses(folder))
            self.assertLess(done, SHORT)
            # What it saved is whole: another job goes on with it, from there.
            again = self.submit_run(SHORT, MOSAIC_RUN_NAME=folder.name)
            self.assert_ended(again, "COMPLETED")
            self.assert_same_end(folder)
            self.assertEqual(len(job.losses(folder)), SHORT)
            self.assertEqual(self.cluster.show(number)["JobState"], "CANCELLED")

    def test_a_job_that_loses_a_node_is_requeued_and_ends_alike(self):
        for _ in range(max(1, ROUNDS)):
            number = self.start()
            self.cluster.sandbox("fail", "node2")
            self.cluster.wait(number, ("PENDING",))
            self.cluster.up()
            self.cluster.call("scontrol", "update", f"job={number}", "StartTime=now")  # not in two minutes, as Slurm would
            self.assert_completed(number, 1)
            self.assert_same_end(self.run_of(number))

    def test_a_killed_rank_ends_the_job_without_a_requeue(self):
        for _ in range(max(1, ROUNDS)):
            number = self.start()
            self.cluster.sandbox("exec", "node2", "bash", "-c", "kill -KILL $(pidof mosaic_resnet)")
            fields = self.cluster.wait_for_end(number, 60)
            self.assertEqual((fields["JobState"], fields["Restarts"]), ("FAILED", "0"), self.output(number))
            self.assertNotIn(fields["ExitCode"], ("0:0", "3:0", "85:0"))

    @takes_minutes
    def test_a_chain_goes_on_without_requeues_and_ends_after_the_first_success(self):
        for _ in range(max(1, ROUNDS)):
            batches = self.long()
            done = self.cluster.call(
                ROOT / "slurm/chain", 8, f"--output={self.folder}/%x-%j.out", *LIMIT_OF_A_MINUTE, *SIZE,
                "slurm/resnet50_medium.sbatch", *TINY, f"max_duration={batches}ba", "stop_margin=0", **self.site())  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            numbers, names = zip(*(line.split("  run_name=") for line in done.stdout.splitlines()))
            self.assertEqual((len(numbers), len(set(names))), (8, 1), done.stdout)
            self.assertEqual(self.assert_ended(numbers[0], "FAILED", job.SAVED)["Restarts"], "0")
            self.assertIn("saved; not requeued, as submitted (--no-requeue)\n", self.output(numbers[0]))
            states = [self.cluster.wait_for_end(number)["JobState"] for number in numbers]
            self.assertRegex(" ".join(states), r"^(FAILED )+COMPLETED( CANCELLED)+$")
            self.assert_same_end(self.runs / names[0], batches)


if __name__ == "__main__":
    require()
    unittest.main()
