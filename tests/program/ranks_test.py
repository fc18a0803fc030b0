"""How many ranks share a batch, and in how many pieces, changes nothing but the time."""

import unittest

import job
from program_test import ProgramTest


class RanksTest(ProgramTest):
    # Batch norm sees only a rank's part of the batch: with its statistics frozen, ranks differ by rounding alone.
    FROZEN = {"model__freeze_batch_norm": "true", "optimizer__lr": 0.003}

    def test_one_two_and_four_ranks_have_the_same_losses(self):
        one = job.losses(self.train("one", 1, **self.FROZEN))
        self.assertEqual(list(one), list(range(1, 21)))
        self.assertLess(one[20], 0.7 * one[1], "it does not learn")

        self.assert_close(job.losses(self.train("two", 2, **self.FROZEN)), one, 1e-5)
        self.assert_close(job.losses(self.train("four", 4, **self.FROZEN)), one, 1e-5)

    def test_every_batch_has_the_same_images_and_crops_on_one_two_and_four_ranks(self):
        # With weights that stay as they are, the loss of a step tells which images it saw, and which crops of them.
        still = {"model__freeze_batch_norm": "true", "optimizer__lr": 1e-30, "optimizer__weight_decay": 0}
        one = job.losses(self.train("one", 1, **still))
        self.assertEqual(len(set(one.values())), 20)

        self.assert_close(job.losses(self.train("two", 2, **still)), one, 1e-6)
        self.assert_close(job.losses(self.train("four", 4, **still)), one, 1e-6)

        # They tell of the crops, too: without the random ones, the same images have other losses.
        whole = job.losses(self.train("whole", 1, train_dataset__crop_scale="[1,1]", train_dataset__flip="false", **still))
        for batch, loss in one.items():
            self.assertGreater(abs(whole[batch] - loss), 1e-4 * loss)

    def test_every_evaluation_image_counts_once_on_any_number_of_ranks(self):
        def evaluate(name, ranks):
            found = job.summary(self.train(name, ranks, is_train="false"))
            self.assertEqual(found["world_size"], max(ranks, 1))
            return found["eval"]

        one = evaluate("alone", 0)
        self.assertEqual(one["samples"], 10)  # 10 images in batches of 4: neither 2 nor 4 ranks get equal shares
        for name, ranks in (("one", 1), ("two", 2), ("four", 4)):
            found = evaluate(name, ranks)
            self.assertEqual(found["samples"], one["samples"])
            self.assertEqual(found["accuracy"], one["accuracy"])
            self.assertAlmostEqual(found["sample_cross_entropy"], one["sample_cross_entropy"], delta=1e-6)

    def test_what_all_ranks_warn_of_is_said_once(self):
        result = job.run(self.settings(log_folder=self.folder / "run", model__num_classes=5), 4)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("model.num_classes is 5")), 1, result)

    def test_micro_batches_have_the_losses_of_whole_batches(self):
        whole = job.losses(self.train("whole", **self.FROZEN))
        in_twos = self.train("in twos", device_train_microbatch_size=2, **self.FROZEN)
        in_threes = self.train("in threes", 2, device_train_microbatch_size=3, **self.FROZEN)

        self.assert_close(job.losses(in_twos), whole, 1e-5)
        self.assert_close(job.losses(in_threes), whole, 1e-5)
        self.assertEqual(set(job.metrics(in_twos, "trainer/device_train_microbatch_size").values()), {2})

    def test_copies_on_a_nodes_disk_buckets_and_micro_batches_by_trial_change_no_bit(self):
        plain = job.losses(self.train("plain", 2))
        local = self.folder / "local"
        same = self.train("same", 2, train_dataset__local=local, eval_dataset__local=local, gradient_bucket_bytes=100000,
                          device_train_microbatch_size="auto")
        self.assertEqual(job.losses(same), plain)
        self.assertEqual(sorted(path.name for path in local.rglob("*.h5")), ["train-00000.h5", "val-00000.h5"])

    def test_a_nodes_disk_that_is_too_small_for_the_copies_costs_a_line_of_the_log_and_no_bit(self):
        plain = job.losses(self.train("plain", 4))
        disk = self.small_disk("200k")  # the shard of the training set has 280 KB, that of the other 80
        log_folder = self.folder / "small"
        result = job.run(self.settings(log_folder=log_folder, train_dataset__local=disk, eval_dataset__local=disk), 4)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(log_folder), plain)
        self.assertEqual([path.name for path in disk.rglob("*.h5")], ["val-00000.h5"])
        self.assertEqual(len(result.lines("0 of 1 shards, 0 GB; for the next one there is no room on the disk")), 1, result)

    def test_block_shuffle_and_half_decoding_go_on_from_the_middle_of_an_epoch_with_the_same_bits(self):
        settings = {"max_duration": "10ba", "save_interval": "3ba", "save_num_checkpoints_to_keep": -1, "train_dataset__shuffle": "block",
                    "train_dataset__shuffle_block": 2, "train_dataset__shuffle_window": 8, "train_dataset__decode": "half",
                    "bf16_gradient_exchange": "true"}
        whole = self.train("whole", 2, **settings)
        again = self.train("again", 2, load_path=whole / "checkpoints/ep0-ba3", **settings)
        losses = job.losses(whole)
        self.assertEqual(job.losses(again), {batch: losses[batch] for batch in range(4, 11)})


if __name__ == "__main__":
    unittest.main()
