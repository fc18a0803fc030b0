"""What is wrong with checkpoints is said once for the whole job, in a sentence, with exit code 3, and harms nothing."""

import pathlib
import shutil
import unittest

import images
import job
from program_test import ProgramTest


class BadCheckpointTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.finished = cls.shards.parent / "finished"
        result = job.run(job.settings(cls.shards.parent, cls.shards, max_duration="5ba", log_folder=cls.finished))
        if result.code != job.DONE:
            raise AssertionError(result)
        cls.checkpoints = cls.finished / "checkpoints"

    def assert_all_ranks_refuse(self, sentence, **changes):
        for ranks in (0, 2):
            self.assert_refused(job.run(self.settings(**changes), ranks), f"mosaic_resnet: {sentence}")
        self.assertFalse(self.log_folder.exists(), "it left something")

    def damaged(self):
        """A copy of the checkpoint, to be damaged."""
        return pathlib.Path(shutil.copytree(self.checkpoints / "ep1-ba5", self.folder / "ep1-ba5"))

    def test_a_checkpoint_that_is_not_there(self):
        path = self.folder / "none"
        self.assert_all_ranks_refuse(f"load_path: there is no {path}", load_path=path)

    def test_a_folder_that_is_no_checkpoint(self):
        self.assert_all_ranks_refuse(f"load_path: {self.shards} is no checkpoint: expected a folder with MANIFEST.json, or one that holds "
                                     "checkpoints", load_path=self.shards)

    def test_a_checkpoint_of_another_model(self):
        weights = self.checkpoints / "ep1-ba5/weights.safetensors"
        other = "another model.name, model.num_classes or model.width?"
        for changed, difference in (("num_classes=4", "fc.weight: got F32 [3, 128], expected F32 [4, 128]"),
                                    ("width=24", "conv1.weight: got F32 [16, 3, 7, 7], expected F32 [24, 3, 7, 7]"),
                                    ("name=resnet50", "layer1.0.conv1.weight: got F32 [16, 16, 3, 3], expected F32 [16, 16, 1, 1]")):
            key, value = changed.split("=")
            self.assert_all_ranks_refuse(f"{weights}: {difference}: {other}", load_path=self.checkpoints, allow_changes="[model]",
                                         **{f"model__{key}": value})

    def test_a_file_that_is_not_what_the_manifest_says(self):
        for file in ("weights.safetensors", "optimizer.safetensors", "state.json"):
            path = self.damaged() / file
            size = path.stat().st_size
            with path.open("r+b") as opened:
                opened.truncate(size - 1)
            self.assert_all_ranks_refuse(f"load_path: no whole checkpoint: {path.parent}: {file}: got {size - 1} bytes, expected {size}",
                                         load_path=path.parent)
            shutil.rmtree(path.parent)

            path = self.damaged() / file
            with path.open("r+b") as opened:
                opened.seek(size // 2)
                byte = opened.read(1)[0]
                opened.seek(size // 2)
                opened.write(bytes([byte ^ 1]))
            result = job.run(self.settings(load_path=path.parent), 2)
            self.assertEqual(result.code, job.BAD_INPUT, result)
            self.assertEqual(len(result.lines(f"mosaic_resnet: load_path: no whole checkpoint: {path.parent}: {file}: CRC-32C: got ")), 1, result)
            shutil.rmtree(path.parent)

    def test_a_file_of_weights_that_is_not_there(self):
        path = self.damaged() / "weights.safetensors"
        path.unlink()
        self.assert_all_ranks_refuse(f"load_path: no whole checkpoint: {path.parent}: weights.safetensors: cannot open: No such file or "
                                     "directory", load_path=path.parent)

    def test_a_checkpoint_of_another_format(self):
        path = self.damaged() / "MANIFEST.json"
        path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
        self.assert_all_ranks_refuse(f"load_path: no whole checkpoint: {path.parent}: MANIFEST.json: format_version: got 2, expected 1",
                                     load_path=path.parent)

    def test_settings_and_data_that_are_not_those_of_the_checkpoint(self):
        self.assert_all_ranks_refuse(f"load_path: {self.checkpoints}/ep1-ba5 was trained otherwise: algorithms.channels_last: false -> true, "
                                     "optimizer.lr: 0.02 -> 0.01: take those settings, or accept the change with allow_changes=[key, ...]",
                                     load_path=self.checkpoints, optimizer__lr=0.01, algorithms__channels_last="true")
        other = images.pack(self.folder, 35)
        result = job.run(job.settings(self.folder, other, load_path=self.checkpoints))
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertRegex(result.err, rf"{self.checkpoints}/ep1-ba5 was trained otherwise: data: [0-9a-f]{{12}}\.\.\. -> [0-9a-f]{{12}}\.\.\.: ")
        result = job.run(job.settings(self.folder, other, load_path=self.checkpoints, optimizer__lr=0.01, max_duration="7ba",
                                      allow_changes="[data, optimizer]"))
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("changed since ")), 2, result)

    def test_of_several_checkpoints_the_newest_whole_one_is_taken_and_the_others_are_named(self):
        saves = self.folder / "saves"
        shutil.copytree(self.checkpoints / "ep1-ba5", saves / "ep1-ba5")
        for name in ("ep1-ba6", "ep2-ba8"):  # newer by their names
            shutil.copytree(self.checkpoints / "ep1-ba5", saves / name)
        (saves / "ep1-ba6/MANIFEST.json").unlink()
        (saves / "ep2-ba8/state.json").write_text("{}")
        result = job.run(self.settings(load_path=saves, max_duration="7ba", save_overwrite="true"), 2)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines(f"loaded {saves}/ep1-ba5: epoch 1, batch 5")), 1, result)
        said = result.lines("newer, but not whole: ")
        self.assertEqual(len(said), 1, result)
        self.assertIn(f"{saves}/ep2-ba8: state.json: got 2 bytes, expected ", said[0])
        self.assertIn(f"{saves}/ep1-ba6: MANIFEST.json: cannot open: No such file or directory", said[0])
        self.assertEqual(list(job.losses(self.log_folder)), [6, 7])

    def test_a_checkpoint_in_the_middle_of_an_epoch_of_another_length(self):
        self.assert_all_ranks_refuse(f"{self.checkpoints}/ep1-ba5/state.json: the checkpoint lies in the middle of an epoch of 4 batches, "
                                     "this run's epochs have 2: take the batch size and data that it was trained with",
                                     load_path=self.checkpoints, train_dataset__batch_size=16, allow_changes="[train_dataset]")

    def test_a_checkpoint_that_has_trained_as_long_as_max_duration(self):
        self.assert_all_ranks_refuse("max_duration: got 5ba, but the checkpoint has already trained 1 epochs, 5 batches: no training would "
                                     "occur; raise it, or evaluate with is_train=false", load_path=self.checkpoints, max_duration="5ba")

    def test_a_run_where_later_checkpoints_lie(self):
        metrics = (self.finished / "metrics.jsonl").read_text()
        sentence = (f"save_folder: {self.checkpoints} holds ep1-ba5, which is ahead of this run's epoch 0, batch 0: continue it with "
                    f"load_path={self.checkpoints}, take another run_name, or set save_overwrite=true")
        for ranks in (0, 2):
            self.assert_refused(job.run(self.settings(log_folder=self.finished), ranks), f"mosaic_resnet: {sentence}")
        self.assertEqual((self.finished / "metrics.jsonl").read_text(), metrics)

    def test_a_disk_that_is_full_costs_a_warning_while_training_and_the_exit_code_at_the_end(self):
        disk = self.small_disk("9m")  # one checkpoint is 5.6 MB
        saves = disk / "checkpoints"

        result = job.run(self.settings(save_folder=saves, save_interval="2ba", max_duration="6ba"), 2)

        self.assertEqual(result.code, job.CRASH, result)
        said = result.lines(f"{saves}: a checkpoint needs ")
        self.assertEqual(len(said), 2, result)
        self.assertIn("warning: the last checkpoint could not be saved: ", said[0])
        self.assertTrue(said[1].startswith("mosaic_resnet: "), said[1])
        self.assertEqual(result.left_over, [])
        # What it could not finish is gone, so that there is room again; the one before is whole, and named.
        self.assertEqual(sorted(path.name for path in saves.iterdir()), ["ep0-ba2", "latest"])
        self.assertEqual(list(job.losses(self.log_folder)), [1, 2, 3, 4, 5, 6])
        again = self.train("again", 2, load_path=saves, max_duration="6ba")
        self.assertEqual(list(job.losses(again)), [3, 4, 5, 6])


if __name__ == "__main__":
    unittest.main()
