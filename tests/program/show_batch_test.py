"""--show-batch writes what the net would see next, and nothing else."""

import unittest

import images
import job
from program_test import ProgramTest

try:
    from PIL import Image
except ImportError:
    Image = None

GAP, LINE, CELL = 8, 13, 120  # pixels: src/report/contact_sheet.cpp


@unittest.skipUnless(Image, "this Python has no Pillow")
class ShowBatchTest(ProgramTest):
    def show(self, ranks=0, **changes):
        sheet = self.folder / "batch.png"
        result = job.run(["--show-batch", sheet, *self.settings(**changes)], ranks)
        self.assertEqual(result.code, job.DONE, result)
        self.assertFalse(self.log_folder.exists(), "it was to train nothing")
        with Image.open(sheet) as image:
            return result, image.convert("RGB")

    def tiles(self, sheet, count, lines, columns, side=32):
        zoom = CELL // side
        for i in range(count):
            left = GAP + i % columns * (CELL + GAP)
            top = GAP + LINE + GAP + i // columns * (side * zoom + lines * LINE + GAP)
            yield sheet.crop((left, top, left + side * zoom, top + side * zoom))

    def test_it_shows_the_first_batch_with_the_colours_of_its_classes(self):
        result, sheet = self.show()
        self.assertEqual(len(result.lines(f"{self.folder}/batch.png: epoch 0, batch 0: 8 of 8 images, 32 x 32 pixels")), 1, result)
        found = set()
        for tile in self.tiles(sheet, 8, lines=1, columns=3):
            mean = tile.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
            nearest = min(images.CLASSES, key=lambda name: sum((a - b) ** 2 for a, b in zip(images.CLASSES[name], mean)))
            self.assertLess(sum(abs(a - b) for a, b in zip(images.CLASSES[nearest], mean)), 40)
            found.add(nearest)
        self.assertEqual(found, set(images.CLASSES))

    def test_with_a_recipe_it_shows_the_side_and_the_mixtures_of_that_moment_on_rank_0(self):
        result, sheet = self.show(2, algorithms="{mixup: {}, progressive_resizing: {}}", train_dataset__crop_size=64)
        self.assertEqual(len(result.lines("epoch 0, batch 0, rank 0 of 2: 4 of 4 images, 32 x 32 pixels")), 1, result)
        self.assertEqual(sheet.width, GAP + 2 * (CELL + GAP))
        self.assertEqual(sheet.height, GAP + LINE + GAP + 2 * (96 + 2 * LINE + GAP))  # two captions each

    def test_after_a_checkpoint_it_shows_the_batch_that_comes_next(self):
        self.train(max_duration="5ba", save_interval="3ba", save_num_checkpoints_to_keep=-1, initial_evaluation="false")
        elsewhere = self.folder / "elsewhere"
        result = job.run(["--show-batch", self.folder / "batch.png",
                          *self.settings(load_path=f"{self.log_folder}/checkpoints/ep0-ba3", max_duration="5ba", log_folder=elsewhere)])
        self.assertEqual(len(result.lines("batch.png: epoch 0, batch 3: 8 of 8 images")), 1, result)
        self.assertFalse(elsewhere.exists())

    def test_another_name_than_png_is_refused(self):
        result = job.run(["--show-batch", "batch.jpg", *self.settings()])
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines("--show-batch: got 'batch.jpg', expected a file name that ends with .png")), 1, result)


if __name__ == "__main__":
    unittest.main()
