"""What is wrong with the shards is said once for the whole job, in a sentence that names the shard, with exit code 3."""

import pathlib
import shutil
import struct
import unittest

import images
import job
from program_test import ProgramTest


class BadDataTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.damaged = self.folder / "shards"
        shutil.copytree(self.shards, self.damaged)
        self.train_shard = self.damaged / "train-00000.h5"
        self.val_shard = self.damaged / "val-00000.h5"

    def settings(self, **changes):
        return job.settings(self.folder, self.damaged, **changes)

    def assert_all_ranks_refuse(self, sentence, **changes):
        for ranks in (0, 2):
            self.assert_refused(job.run(self.settings(**changes), ranks), f"mosaic_resnet: {sentence}")
        self.assertFalse(self.log_folder.exists(), "it left something")

    def change(self, path, old, new):
        data = path.read_bytes()
        self.assertEqual(data.count(old), 1)
        self.assertEqual(len(old), len(new))
        path.write_bytes(data.replace(old, new))

    def test_no_such_folder(self):
        for split, changes in (("train", {"train_dataset__path": "/nowhere"}), ("eval", {"eval_dataset__path": "/nowhere"})):
            self.assert_all_ranks_refuse(f"{split}_dataset.path: /nowhere: no such folder: expected the folder that `preprocess pack` "
                                         "has written", **changes)

    def test_a_folder_without_shards(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.assert_all_ranks_refuse(f"train_dataset.path: {empty}: no shards of split 'train' (train-00000.h5 and on): there are no "
                                     "shards of any split: expected the folder that `preprocess pack` has written",
                                     train_dataset__path=empty)

    def test_the_images_themselves_in_the_place_of_shards(self):
        source = self.shards.parent / "images"
        self.assert_all_ranks_refuse(f"train_dataset.path: {source}: no shards of split 'train' (train-00000.h5 and on): there are no "
                                     "shards of any split: expected the folder that `preprocess pack` has written",
                                     train_dataset__path=source)

    def test_a_truncated_shard(self):
        size = self.val_shard.stat().st_size
        with self.val_shard.open("r+b") as shard:
            shard.truncate(size - 100)
        self.assert_all_ranks_refuse(f"eval_dataset.path: {self.val_shard}: truncated: got {size - 100} bytes, expected {size}: copy it "
                                     "again, or pack again")

    def test_a_file_that_is_no_shard(self):
        self.train_shard.write_bytes(b"not HDF5" * 1000)
        self.assert_all_ranks_refuse(f"train_dataset.path: {self.train_shard}: cannot open it as HDF5: file signature not found")

    def test_a_shard_of_another_format_version(self):
        # As HDF5 stores it: the name padded to 8 bytes, the type (32 bits, little-endian), the space (one number), the value.
        type_and_space = bytes([0x10, 0, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        version = b"format_version\0\0" + type_and_space
        self.change(self.train_shard, version + struct.pack("<I", 1), version + struct.pack("<I", 2))
        self.assert_all_ranks_refuse(f"train_dataset.path: {self.train_shard}: format_version: got 2, expected 1: packed by a newer version "
                                     "of this program: update this one, or pack again")

    def test_a_label_out_of_range(self):
        per_class = [len(list((self.shards.parent / "images/train" / name).iterdir())) for name in sorted(images.CLASSES)]
        labels = [label for label, count in enumerate(per_class) for _ in range(count)]
        column = struct.pack(f"<{len(labels)}i", *labels)
        labels[20] = 3
        self.change(self.train_shard, column, struct.pack(f"<{len(labels)}i", *labels))
        self.assert_all_ranks_refuse(f"train_dataset.path: {self.train_shard}: image 20: label: got 3, expected 0 to 2 (there are 3 "
                                     "classes): the file is damaged: copy it again, or pack again")

    def test_more_classes_in_the_data_than_in_the_model(self):
        self.assert_all_ranks_refuse(f"model.num_classes: got 2, but {self.damaged} (train) has 3 classes: expected at least that",
                                     model__num_classes=2)

    def test_an_evaluation_set_of_other_classes(self):
        source = self.folder / "others/val/black"
        source.mkdir(parents=True)
        shutil.copy(next((self.shards.parent / "images/val").glob("*/*.ppm")), source)
        others = self.folder / "other shards"
        packed = images.run_preprocess("pack", self.folder / "others", others, "--split", "val")
        self.assertEqual(packed.returncode, 0, packed.stderr)
        self.assert_all_ranks_refuse(f"eval_dataset.path: the classes of {others} (val) are not those of {self.damaged} (train): expected "
                                     "the same names in the same order", eval_dataset__path=others)

    def flip_a_byte(self, shard, name):
        """In the middle of the stored pixels of the image that was called `name`."""
        pixels = (self.shards.parent / "images" / shard.name.split("-")[0] / name).read_bytes().split(b"255\n", 1)[1]
        changed = bytearray(pixels)
        changed[len(pixels) // 2] ^= 0x10
        self.change(shard, pixels, bytes(changed))

    def assert_damage_is_named(self, result, said_by, shard, sample, name):
        self.assertEqual(result.code, job.BAD_INPUT, result)
        said = result.lines(f"sample {sample} ({shard.name}, image {sample}, {name}): CRC-32C: got ")
        self.assertEqual(len(said), 1, result)
        self.assertRegex(said[0], f"^{said_by}sample ")
        self.assertTrue(said[0].endswith(f": the bytes in the shard have changed: copy {shard} again, or pack again"), said[0])
        self.assertEqual(result.left_over, [], result)

    def test_a_flipped_byte_is_found_in_training_and_ends_all_ranks(self):
        self.flip_a_byte(self.train_shard, "green/004.ppm")  # 12 blue ones come first
        self.assert_damage_is_named(job.run(self.settings()), "mosaic_resnet: ", self.train_shard, 13, "green/004.ppm")
        # One of the ranks reads it, while the others wait for that rank in a collective call.
        result = job.run(self.settings(), 4)
        self.assert_damage_is_named(result, "rank [0-3] of 4: ", self.train_shard, 13, "green/004.ppm")

    def test_images_of_no_use_are_replaced_where_that_is_asked_for(self):
        self.flip_a_byte(self.train_shard, "green/004.ppm")
        settings = {"on_bad_sample": "replace", "max_duration": "12ba"}
        losses = []
        for ranks in (0, 2):
            self.log_folder = self.folder / f"run-{ranks}"
            result = job.run(self.settings(log_folder=self.log_folder, model__freeze_batch_norm="true", **settings), ranks)
            self.assertEqual(result.code, job.DONE, result)
            said = result.lines("sample 13 (train-00000.h5, image 13, green/004.ppm): CRC-32C: got ")
            self.assertGreaterEqual(len(said), 1, result)  # once for each rank that meets it in one of three epochs
            self.assertTrue(said[0].endswith(": sample 14 takes its place (1 of at most 100)"), said[0])
            self.assertEqual(job.summary(self.log_folder)["replaced_samples"], len(said))
            losses.append(job.losses(self.log_folder))
        self.assert_close(losses[1], losses[0], 1e-5)  # any rank takes the same neighbour

    def test_more_bad_images_than_allowed_end_the_run(self):
        self.flip_a_byte(self.train_shard, "green/004.ppm")
        self.flip_a_byte(self.train_shard, "blue/003.ppm")
        result = job.run(self.settings(on_bad_sample="replace", bad_sample_limit=1, max_duration="12ba"))
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines("bad_sample_limit allows 1 images to be replaced, and this is one more")), 1, result)

    def test_a_bad_image_of_the_evaluation_is_never_replaced(self):
        self.flip_a_byte(self.val_shard, "blue/009.ppm")
        result = job.run(self.settings(on_bad_sample="replace"))
        self.assert_damage_is_named(result, "mosaic_resnet: ", self.val_shard, 3, "blue/009.ppm")

    def test_a_shard_that_vanishes_or_is_cut_while_it_is_read_is_named(self):
        with job.start(self.settings(max_duration="1000000ba")) as running:
            running.wait_for("train           Epoch   1: 100%")
            with self.train_shard.open("r+b") as shard:
                shard.truncate(3000)
            result = running.result()
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines(f"{self.train_shard}: image ")), 1, result)
        self.assertEqual(len(result.lines("truncated since it was opened")), 1, result)

    def test_a_flipped_byte_is_found_in_the_evaluation_and_ends_all_ranks(self):
        self.flip_a_byte(self.val_shard, "blue/009.ppm")
        self.assert_damage_is_named(job.run(self.settings()), "mosaic_resnet: ", self.val_shard, 3, "blue/009.ppm")
        self.assert_damage_is_named(job.run(self.settings(), 2), "rank [01] of 2: ", self.val_shard, 3, "blue/009.ppm")


if __name__ == "__main__":
    unittest.main()
