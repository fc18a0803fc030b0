"""is_train=false gives a run's last evaluation again, from its checkpoint."""

import unittest

import job
from program_test import ProgramTest


class EvaluateTest(ProgramTest):
    def assert_evaluates_alike(self, ranks):
        whole = self.train("whole", ranks, max_duration="6ba")
        trained = job.summary(whole)
        self.assertEqual(trained["exit_reason"], "done")
        untrained = job.summary(self.train("untrained", ranks, is_train="false"))
        self.assertNotEqual(untrained["eval"], trained["eval"])

        # Of one checkpoint, and of a folder of them; seed and learning rate are of no importance then.
        one = job.summary(self.train("one", ranks, is_train="false", load_path=whole / "checkpoints/ep1-ba6"))
        latest = self.train("latest", ranks, is_train="false", load_path=whole / "checkpoints", seed=4, optimizer__lr=1)

        self.assertEqual(one["eval"], trained["eval"])
        self.assertEqual(job.summary(latest)["eval"], trained["eval"])
        self.assertEqual(one["exit_reason"], "evaluated")
        self.assertEqual((one["epochs"], one["batches"]), (1, 6))
        self.assertFalse((latest / "checkpoints").exists())
        self.assertEqual(job.losses(latest), {})

    def test_one_rank_evaluates_a_checkpoint_to_the_last_digit(self):
        self.assert_evaluates_alike(0)

    def test_two_ranks_evaluate_a_checkpoint_to_the_last_digit(self):
        self.assert_evaluates_alike(2)


if __name__ == "__main__":
    unittest.main()
