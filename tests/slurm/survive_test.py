"""What a cluster does to jobs, done to the shipped scripts in a real Slurm of two nodes: the job's state and exit code are as
README.md says, and a run that was stopped ends with the same accuracy as one that was not.

usage: survive_test.py [-v] [NAME...]; MOSAIC_SLURM_ROUNDS=N does each N times (default 1), at other moments of the run
"""

import os
import random
import unittest

from cluster import ROOT, SIZE, TINY, SlurmTest, job, require

ROUNDS = int(os.environ.get("MOSAIC_SLURM_ROUNDS", "1"))
BATCHES = 240  # long enough to be stopped in, on a machine with little else to do
RUN = [*TINY, f"max_duration={BATCHES}ba"]


class SurviveTest(SlurmTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moments = random.Random(17)
        cls.undisturbed = None

    def expected(self):
        """The last evaluation of a run that nothing happens to."""
        if SurviveTest.undisturbed is None:
            number = self.submit("resnet50_medium.sbatch", *RUN)
            self.assert_ended(number, "COMPLETED")
            SurviveTest.undisturbed = job.summary(self.run_of(number))["eval"]
        return SurviveTest.undisturbed

    def start(self, *options, **environment):
        """A job in the middle of its run."""
        number = self.submit("resnet50_medium.sbatch", *RUN, options=options, **environment)
        self.wait_for_batch(number, self.moments.randrange(1, BATCHES // 3))
        return number

    def assert_same_end(self, number, restarts):
        """Done after so many restarts, every batch trained once, with the accuracy of a run that was not disturbed."""
        fields = self.assert_ended(number, "COMPLETED")
        self.assertEqual(fields["Restarts"], str(restarts), self.output(number))
        self.assert_same_run(self.run_of(number))

    def assert_same_run(self, folder):
        self.assertEqual(job.summary(folder)["batches"], BATCHES)
        self.assertEqual(job.summary(folder)["eval"], self.expected())

    def rounds(self):
        self.expected()
        for number in range(ROUNDS):
            with self.subTest(round=number):
                yield

    def test_a_job_at_its_time_limit_saves_is_requeued_and_ends_alike(self):
        for _ in self.rounds():
            # Slurm counts limits in minutes, and sends the signal up to a minute early.
            number = self.submit("resnet50_medium.sbatch", *TINY, f"max_duration={BATCHES}ba", options=["--time=1", "--signal=B:USR1@50"])
            fields = self.assert_ended(number, "COMPLETED")
            self.assertGreaterEqual(int(fields["Restarts"]), 1, self.output(number))
            self.assertIn("got SIGUSR1", self.output(number))
            self.assertIn("saved; requeueing", self.output(number))
            self.assert_same_run(self.run_of(number))

    def test_a_requeued_job_ends_alike(self):
        for _ in self.rounds():
            number = self.start()
            self.assertEqual(self.cluster.call("scontrol", "requeue", number).returncode, 0)
            self.assert_same_end(number, 1)

    def test_a_preempted_job_makes_room_within_its_grace_time_and_ends_alike(self):
        for _ in self.rounds():
            number = self.start("--partition=preempt")
            urgent = int(self.cluster.call("sbatch", "--parsable", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true").stdout)
            self.assert_ended(urgent, "COMPLETED")
            self.assertEqual(self.cluster.show(number)["Restarts"], "1")
            self.assert_same_end(number, 1)
            self.assertIn("saved; requeueing", self.output(number))

    def test_a_cancelled_job_saves_and_stays_cancelled(self):
        for _ in self.rounds():
            number = self.start()
            self.assertEqual(self.cluster.call("scancel", number).returncode, 0)
            fields = self.cluster.wait_for_end(number)
            self.assertEqual((fields["JobState"], fields["Restarts"]), ("CANCELLED", "0"), self.output(number))
            self.assertFalse((self.run_of(number) / "summary.json").exists())
            # What it saved is whole: another job goes on with it.
            again = self.submit("resnet50_medium.sbatch", *RUN, MOSAIC_RUN_NAME=self.run_of(number).name)
            self.assert_ended(again, "COMPLETED")
            self.assert_same_run(self.run_of(number))
            self.assertEqual(len(job.losses(self.run_of(number))), BATCHES)

    def test_a_job_that_loses_a_node_is_requeued_and_ends_alike(self):
        for _ in self.rounds():
            number = self.start()
            self.cluster.sandbox("fail", "node2")
            self.cluster.wait(number, ("PENDING",))
            self.cluster.up()
            self.assert_same_end(number, 1)

    def test_a_killed_rank_ends_the_job_at_once_without_a_requeue(self):
        number = self.start()
        self.cluster.sandbox("exec", "node2", "bash", "-c", "kill -KILL $(pidof -s mosaic_resnet)")
        fields = self.cluster.wait_for_end(number, 60)
        self.assertEqual((fields["JobState"], fields["Restarts"]), ("FAILED", "0"), self.output(number))
        self.assertNotIn(fields["ExitCode"], ("0:0", "85:0", "3:0"))

    def test_a_chain_goes_on_without_requeues_and_ends_after_the_first_success(self):
        self.expected()
        site = {"MOSAIC_BUILD": str(job.BIN), "MOSAIC_SHARDS": str(self.shards), "MOSAIC_RUNS": str(self.runs), "MOSAIC_RUN_NAME": "chained"}
        done = self.cluster.call(ROOT / "slurm/chain", 8, f"--output={self.folder}/%x-%j.out", "--time=1", "--signal=B:USR1@50", *SIZE,
                                 "slurm/resnet50_medium.sbatch", *RUN, **site)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        numbers = [int(line.split()[0]) for line in done.stdout.splitlines()]
        self.assertEqual(len(numbers), 8)
        first = self.assert_ended(numbers[0], "FAILED", job.SAVED)
        self.assertEqual(first["Restarts"], "0")
        states = [self.cluster.wait_for_end(number)["JobState"] for number in numbers]
        self.assertRegex(" ".join(states), r"^(FAILED )+COMPLETED( CANCELLED)+$")
        self.assert_same_run(self.runs / "chained")


if __name__ == "__main__":
    require()
    unittest.main()
