"""What is wrong in the configuration is said once for the whole job, in a sentence, with exit code 3."""

import pathlib
import unittest

import job
from program_test import ProgramTest


class BadSettingsTest(ProgramTest):
    def assert_all_ranks_refuse(self, sentence, ranks=2, **changes):
        self.assert_refused(job.run(self.settings(**changes), ranks), f"mosaic_resnet: {sentence}")
        self.assertFalse(self.log_folder.exists(), "it left something")

    def assert_file_is_refused(self, path, sentence):
        for ranks in (0, 2):
            self.assert_refused(job.run([path], ranks), f"mosaic_resnet: {path}{sentence}")

    def assert_text_is_refused(self, text, sentence):
        path = self.folder / "bad.yaml"
        path.write_bytes(text)
        self.assert_file_is_refused(path, sentence)

    def test_no_configuration(self):
        for ranks in (0, 2):
            self.assert_refused(job.run([], ranks), "mosaic_resnet: no configuration given")

    def test_a_missing_configuration(self):
        self.assert_file_is_refused(self.folder / "none.yaml", ": cannot open: No such file or directory")

    def test_a_folder_as_configuration(self):
        self.assert_file_is_refused(self.folder, ": cannot read: it is a folder")

    def test_a_configuration_that_is_not_yaml(self):
        self.assert_text_is_refused(b"seed: 1\noptimizer: lr: 1\n", ":2:14: this is not YAML: illegal map value")

    def test_a_configuration_that_is_no_text(self):
        path = self.folder / "image.yaml"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
        result = job.run([path], 2)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        # How far the reader comes, and so the reason, is its own affair.
        self.assertEqual(len(result.lines(f"mosaic_resnet: {path}:")), 1, result)

    def test_an_unknown_key(self):
        self.assert_text_is_refused(b"seed: 1\nmodel:\n  nam: resnet18\n", ":3: model.nam: unknown key; did you mean name?")
        self.assert_all_ranks_refuse("command line: optimizer.learning_rate: unknown key; this section has: lr, momentum, weight_decay",
                                     optimizer__learning_rate=1)

    def test_a_wrong_unit(self):
        self.assert_text_is_refused(b"max_duration: 90min\n", ":1: max_duration: got 90min, expected a time in ep or ba, 1 or "
                                    "more (10ep, 500ba), or a whole number of epochs")

    def test_an_unknown_recipe(self):
        result = job.run(self.settings(recipe_name="warm"), 2)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines("mosaic_resnet: command line: recipe_name: got warm, expected ")), 1, result)

    def test_a_batch_size_that_the_ranks_do_not_divide(self):
        for key in ("train_dataset", "eval_dataset"):
            self.assert_all_ranks_refuse(f"{key}.batch_size: got 9 on 2 ranks, expected a multiple of the number of ranks (batch sizes "
                                         "are global), like 8 or 10", **{f"{key}__batch_size": 9})

    def test_a_batch_smaller_than_the_ranks(self):
        for key in ("train_dataset", "eval_dataset"):
            self.assert_all_ranks_refuse(f"{key}.batch_size: got 2 on 4 ranks, expected at least one image per rank (batch sizes are "
                                         "global)", 4, **{f"{key}__batch_size": 2})

    def test_a_training_set_smaller_than_one_batch(self):
        self.assert_all_ranks_refuse("train_dataset.batch_size: got 36, but the training set has 34 images: expected at most that",
                                     train_dataset__batch_size=36)

    def test_a_file_in_the_place_of_the_log_folder(self):
        for log_folder in (self.folder / "file", self.folder / "file" / "run"):
            (self.folder / "file").write_text("not a folder")
            result = job.run(self.settings(log_folder=log_folder), 2)
            reason = "a file with that name is there" if log_folder.name == "file" else "Not a directory"
            # Only rank 0 makes it.
            self.assert_refused(result, f"mosaic_resnet: rank 0 of 2: log_folder: cannot make the folder {log_folder}: {reason}")

    @unittest.skipIf(pathlib.Path("/proc/driver/nvidia/version").exists(), "this machine has a GPU")
    def test_a_gpu_that_is_not_there(self):
        result = job.run(self.settings(device="gpu"), 2)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines("mosaic_resnet: device: got gpu, but no GPU is usable on ")), 1, result)
        self.assertEqual(len(result.lines("check nvidia-smi and CUDA_VISIBLE_DEVICES there, or take device=cpu")), 1, result)


if __name__ == "__main__":
    unittest.main()
