"""k steps, a stop, and n - k steps more give the same bits as n steps."""

import shutil
import tempfile
import unittest

import images
import job
from program_test import ProgramTest

# Ten batches: two epochs of four and a half one.
SETTINGS = {"max_duration": "10ba", "save_interval": "2ba", "save_num_checkpoints_to_keep": -1}


class ResumeTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = {ranks: cls.train_whole(f"{ranks} ranks", ranks, **SETTINGS) for ranks in (0, 2)}

    @classmethod
    def train_whole(cls, name, ranks, **settings):
        """A run that nothing disturbs. Returns its log folder."""
        log_folder = cls.shards.parent / name
        result = job.run(job.settings(cls.shards.parent, cls.shards, log_folder=log_folder, **settings), ranks)
        if result.code != job.DONE:
            raise AssertionError(result)
        return log_folder

    def assert_same_checkpoint(self, found, expected):
        """The files that hold tensors, byte by byte."""
        names = {path.name for path in expected.iterdir()}
        self.assertEqual({path.name for path in found.iterdir()}, names)
        self.assertLessEqual({"weights.safetensors", "optimizer.safetensors", "state.json"}, names)
        for name in names - {"state.json", "MANIFEST.json"}:
            self.assertTrue((found / name).read_bytes() == (expected / name).read_bytes(), f"{found / name} differs")

    def assert_resumes(self, whole, checkpoint, first, ranks=0, **settings):
        """From `checkpoint` of the run `whole` on, the run's end comes out again."""
        again = self.train(f"from {checkpoint}", ranks, load_path=whole / "checkpoints" / checkpoint, **settings)

        end = max(job.losses(whole))
        self.assertEqual(job.losses(again), {batch: loss for batch, loss in job.losses(whole).items() if batch >= first})
        names = {path.name for path in (again / "checkpoints").glob(f"ep*-ba{end}")}
        self.assertEqual(len(names), 1)
        self.assert_same_checkpoint(again / "checkpoints" / names.pop(), next((whole / "checkpoints").glob(f"ep*-ba{end}")))
        self.assertEqual(job.summary(again)["eval"], job.summary(whole)["eval"])
        shutil.rmtree(again)

    def test_one_rank_resumes_in_the_middle_of_an_epoch_and_at_its_end(self):
        self.assert_resumes(self.whole[0], "ep1-ba6", 7, **SETTINGS)
        self.assert_resumes(self.whole[0], "ep0-ba4", 5, **SETTINGS)

    def test_two_ranks_resume_in_the_middle_of_an_epoch_and_at_its_end(self):
        self.assertTrue((self.whole[2] / "checkpoints/ep1-ba6/ranks.safetensors").exists())
        self.assert_resumes(self.whole[2], "ep1-ba6", 7, ranks=2, **SETTINGS)
        self.assert_resumes(self.whole[2], "ep0-ba4", 5, ranks=2, **SETTINGS)

    def test_a_run_measured_in_epochs_resumes_after_one(self):
        settings = {"max_duration": "3ep", "save_interval": "1ep", "save_num_checkpoints_to_keep": -1, "scheduler__t_warmup": "1ep"}
        whole = self.train_whole("by epochs", 0, **settings)
        self.assert_resumes(whole, "ep1-ba4", 5, **settings)

    def test_every_recipe_resumes_in_the_middle_of_an_epoch_after_a_sam_step_and_before_an_average(self):
        # SAM takes steps 3, 6 and 9; the average moves after steps 4 and 8. ResNet-50: the others have no stochastic depth.
        mild = "blurpool: {}, channels_last: true, ema: {half_life: 8ba, update_interval: 4ba}, progressive_resizing: {}, label_smoothing: {}"
        medium = mild + ", mixup: {}, sam: {interval: 3}"
        hot = medium + ", colout: {p_row: 0.1, p_col: 0.1}, randaugment: {}, stochastic_depth: {drop_rate: 0.5}"
        for recipe, model, ranks, checkpoints in (
            (mild, "resnet18", 2, ("ep0-ba3",)),
            (medium, "resnet18", 0, ("ep1-ba6",)),
            (medium, "resnet18", 2, ("ep0-ba3", "ep1-ba6")),
            (hot, "resnet50", 0, ("ep0-ba3",)),
            (hot, "resnet50", 2, ("ep1-ba6",)),
        ):
            with self.subTest(recipe=recipe, ranks=ranks):
                settings = SETTINGS | {"save_interval": "3ba", "model__loss_name": "binary_cross_entropy", "model__name": model,
                                       "algorithms": "{" + recipe + "}"}
                whole = self.train_whole("recipe", ranks, **settings)
                self.assertTrue((whole / "checkpoints/ep1-ba6/ema.safetensors").exists())
                for checkpoint in checkpoints:
                    self.assert_resumes(whole, checkpoint, int(checkpoint.partition("-ba")[2]) + 1, ranks=ranks, **settings)
                shutil.rmtree(whole)

    def test_a_run_whose_ranks_were_killed_resumes_with_the_same_bits(self):
        whole = self.whole[2]
        arguments = self.settings(**SETTINGS)
        checkpoints = self.log_folder / "checkpoints"
        with job.start(arguments, 2) as running:
            job.wait_until((checkpoints / "latest").exists)
            ranks = running.ranks()
            running.kill(ranks)
            killed = running.result()
        self.assertEqual(len(ranks), 2, killed)
        self.assertNotEqual(killed.code, job.DONE, killed)
        self.assertFalse((self.log_folder / "summary.json").exists(), "it had ended before it was killed")
        # A checkpoint that was being written then, whether or not one was.
        (checkpoints / ".ep2-ba10.partial").mkdir(exist_ok=True)
        (checkpoints / ".ep2-ba10.partial/weights.safetensors").write_bytes(b"half a checkpo")

        result = job.run([*arguments, f"load_path={checkpoints}"], 2)

        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines(f"loaded {checkpoints}/ep")), 1, result)
        self.assertEqual(job.losses(self.log_folder), job.losses(whole))
        self.assertEqual([path.name for path in checkpoints.glob(".*")], [])
        self.assert_same_checkpoint(checkpoints / "ep2-ba10", whole / "checkpoints/ep2-ba10")

    def test_a_checkpoint_of_two_ranks_is_resumed_by_one(self):
        # Not with the same bits: batch norm sees other batches. But the whole run is there, and it goes on.
        again = self.train("again", load_path=self.whole[2] / "checkpoints/ep1-ba6", **SETTINGS)
        self.assertEqual(list(job.losses(again)), [7, 8, 9, 10])
        self.assertLess(job.losses(again)[10], job.losses(self.whole[2])[1])


class OtherRanksTest(ProgramTest):
    """Five batches of 24 an epoch, which 1, 2, 3, 4 and 8 ranks can share; batch norm is frozen, since it sees a rank's part of a batch."""

    SETTINGS = {"max_duration": "8ba", "save_interval": "2ba", "save_num_checkpoints_to_keep": -1, "train_dataset__batch_size": 24,
                "eval_dataset__batch_size": 24, "model__freeze_batch_norm": "true", "initial_evaluation": "false"}

    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        cls.shards = images.pack(data.name, train_images=130)

    def assert_goes_on(self, whole, checkpoint, ranks):
        log_folder = self.folder / f"{ranks} ranks"
        result = job.run(self.settings(log_folder=log_folder, load_path=f"{whole}/checkpoints/{checkpoint}", **self.SETTINGS), ranks)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines(f"and goes on with {ranks}: every image is still seen once an epoch, in the same batches")), 1, result)
        rest = {batch: loss for batch, loss in job.losses(self.folder / "whole").items() if batch > int(checkpoint.rpartition("ba")[2])}
        self.assert_close(job.losses(log_folder), rest, 1e-4)
        return log_folder

    def test_a_checkpoint_of_one_rank_goes_on_with_two_three_four_and_eight_and_back_with_the_same_batches(self):
        whole = self.train("whole", **self.SETTINGS)
        for ranks in (2, 3, 4, 8):
            last = self.assert_goes_on(whole, "ep0-ba2", ranks)
        self.assert_goes_on(last, "ep1-ba6", 1)

    def test_a_resume_near_the_end_of_an_epoch_reads_the_rest_of_it_and_nothing_else(self):
        whole = self.train("whole", **self.SETTINGS)
        reads = self.folder / "reads"
        result = job.run(self.settings(load_path=f"{whole}/checkpoints/ep0-ba4", **self.SETTINGS | {"max_duration": "5ba"},
                                       allow_changes="[scheduler]"),
                         ranks=1, env=job.fault(0, CALL="pread", NAME="/train-00000.h5", READS=reads))
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(set(reads.read_text().split())), 24)  # one batch of 24 images, each by one read
        self.assertEqual(len(reads.read_text().split()), 24)


if __name__ == "__main__":
    unittest.main()
