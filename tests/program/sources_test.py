"""`preprocess pack` makes the same data set of the same images, whatever they come in: folders, ImageNet's archives, WebDataset, MosaicML Streaming."""

import functools
import io
import json
import pathlib
import random
import shutil
import tempfile
import unittest

import images
import job
import sources
from pack_ranks_test import digests, pack_command

try:
    from PIL import Image
except ImportError as missing:
    raise unittest.SkipTest(f"skipped: the images are drawn with Pillow: {missing}")

CLASSES = ("--classes", "classes.txt")  # for the forms that number them
#: name: (writer, options, whether the names are those of the folders too, so that the shards have the same bytes)
FORMS = {
    "ILSVRC2012 archives and ground truth": (sources.write_ilsvrc_with_truth, (), True),
    "ILSVRC2012 archives and devkit": (sources.write_ilsvrc_with_devkit, (), True),
    "Kaggle's folders and table": (sources.write_kaggle, (), True),
    "class tars": (sources.write_class_tars, (), True),
    "WebDataset": (sources.write_web_dataset, CLASSES, False),
    "WebDataset, JSON": (sources.write_web_dataset_json, CLASSES, False),
    "MDS": (sources.write_mds, CLASSES, False),
    "MDS in order, without i": (functools.partial(sources.write_mds, with_i=False), CLASSES, False),
    "MDS, zstd": (functools.partial(sources.write_mds, zstd=True), CLASSES, False),
    "MDS, hashes": (functools.partial(sources.write_mds, hashes=("sha1", "md5")), CLASSES, False),
    "MDS, zstd, hashes": (functools.partial(sources.write_mds, zstd=True, hashes=("shake_128", "blake2b")), CLASSES, False),
}
WAYS = {"packed": (), "files": ("--keep-files",), "pixels": ("--raw",), "scaled": ("--max-side", "24")}


def picture(noise, mode="RGB", kind="JPEG", **options):
    """A file of varied size, unlike any other."""
    size = noise.randrange(17, 60), noise.randrange(17, 60)
    small = Image.frombytes("RGB", (5, 5), noise.randbytes(75))
    out = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).convert(mode).save(out, kind, **options)
    return out.getvalue()


def draw(noise, i):
    """Most images are plain; of the others ImageNet has some, all of them called .JPEG."""
    odd = {
        3: {"mode": "L"},
        5: {"mode": "CMYK"},
        8: {"kind": "PNG"},
        9: {"progressive": True},
        11: {"subsampling": 0},
        12: {"mode": "P", "kind": "PNG"},
    }
    return picture(noise, **odd.get(i % 16, {}))


def draw_splits():
    noise = random.Random(3)
    train = []
    for label, wnid in enumerate(sources.WNIDS):
        for i in range(17):
            # Numbers of different lengths, and not in the order of the text.
            train.append(sources.Image(label, f"{wnid}_{7 ** (i % 6) + i}", draw(noise, i + label)))
    val = [sources.Image(noise.randrange(3), f"ILSVRC2012_val_{i:08}", draw(noise, i)) for i in range(1, 20)]
    return {split: sorted(all_images, key=lambda image: (image.label, image.name)) for split, all_images in (("train", train), ("val", val))}


class PackingTest(unittest.TestCase):
    """What the tests of sources share: images, in class folders in `root`, where classes.txt is to be written; a folder for each test."""

    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        cls.root = pathlib.Path(data.name)
        cls.splits = draw_splits()
        sources.write_folders(cls.root / "folders", cls.splits)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    @classmethod
    def pack(cls, source, out, *options, ranks=0):
        """Several small shards. Returns the summary of `pack`, which names the fingerprints."""
        options = [cls.root / word if word == "classes.txt" else word for word in options]
        with job.Job(pack_command(source, out, "--json", "--shard-size", "20KB", *options, ranks=ranks)) as running:
            result = running.result()
        if result.code != job.DONE:
            raise AssertionError(result)
        return json.loads(result.out)


class SourcesTest(PackingTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sources.write(cls.root / "classes.txt", "".join(f"{wnid} a name for people\n" for wnid in sources.WNIDS))
        for name, (write, _, _) in FORMS.items():
            write(cls.root / name, cls.splits)
        cls.folders = {way: cls.pack(cls.root / "folders", cls.root / way, *options) for way, options in WAYS.items()}

    def assert_same_data_set(self, summary, expected):
        """All that the summary says but for the number of shards: it may depend on how the files are called."""
        self.assertEqual(set(summary), set(expected))
        for split, values in expected.items():
            self.assertEqual(len(values["fingerprint"]), 64)
            self.assertEqual(summary[split] | {"shards": 0}, values | {"shards": 0})

    def exported(self, out):
        """{split: [(class, file), ...]}, in the order of class and name."""
        folder = self.folder / (out.name + " as files")
        done = images.run_preprocess("export", out, folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {
            split: [(path.parent.name, path.read_bytes()) for path in sorted((folder / split).glob("*/*"))] for split in self.splits
        }

    def test_the_images_are_odd_in_the_ways_that_the_summary_names(self):
        train = self.folders["packed"]["train"]
        self.assertEqual(train["images"], 51)
        self.assertEqual(train["pixels"], 6, "PNG files")
        self.assertEqual(train["whole_jpegs"], 3, "CMYK")
        self.assertEqual(sum(train["whole_reasons"].values()), 3)
        self.assertEqual(train["bad_files"], 0)
        self.assertGreater(train["shards"], 3)
        self.assertEqual(len({summary["train"]["fingerprint"] for summary in self.folders.values()}), len(WAYS))

    def test_every_form_gives_the_fingerprint_of_the_folders(self):
        for form, (_, classes, same_names) in FORMS.items():
            for way, options in WAYS.items():
                with self.subTest(form=form, way=way):
                    out = self.folder / f"{form} {way}"
                    self.assert_same_data_set(self.pack(self.root / form, out, *classes, *options), self.folders[way])
                    if same_names:
                        self.assertEqual(digests(out), digests(self.root / way))

    def test_every_form_gives_the_same_bytes_from_two_processes(self):
        for form, (_, classes, _) in FORMS.items():
            with self.subTest(form=form):
                alone, both = self.folder / f"{form} alone", self.folder / f"{form} both"
                self.pack(self.root / form, alone, *classes)
                self.assert_same_data_set(self.pack(self.root / form, both, *classes, ranks=2), self.folders["packed"])
                self.assertGreater(len(digests(alone)), 6)
                self.assertEqual(digests(both), digests(alone))

    def test_whole_files_come_back_from_every_form_in_the_order_of_the_folders(self):
        jpegs = {split: [(image.wnid, image.file) for image in all_images if image.file.startswith(b"\xff\xd8")] for split, all_images in self.splits.items()}
        self.assertGreater(len(jpegs["train"]), 40)
        for form, (_, classes, _) in FORMS.items():
            with self.subTest(form=form):
                out = self.folder / form
                self.pack(self.root / form, out, "--keep-files", *classes)
                for split, back in self.exported(out).items():
                    self.assertEqual(len(back), len(self.splits[split]))
                    self.assertEqual([(name, file) for name, file in back if file.startswith(b"\xff\xd8")], jpegs[split])

    def test_shards_of_mds_that_are_not_what_their_hashes_say_are_refused_by_name(self):
        for form, shard in (("MDS, hashes", "shard.00002.mds"), ("MDS, zstd, hashes", "shard.00002.mds.zstd")):
            with self.subTest(form=form):
                source, out = self.folder / form, self.folder / f"{form} packed"
                shutil.copytree(self.root / form, source)
                pack = ("pack", source, out, *CLASSES[:1], self.root / "classes.txt")
                damaged = bytearray((source / "train" / shard).read_bytes())
                damaged[-100 if shard.endswith("mds") else 5] ^= 1  # within an image; in what zstd does not look at
                (source / "train" / shard).write_bytes(damaged)
                refused = images.run_preprocess(*pack)
                self.assertEqual(refused.returncode, job.BAD_INPUT, refused.stderr)
                self.assertRegex(refused.stderr, rf"{shard}: its (md5|blake2b) is [0-9a-f]+, expected [0-9a-f]+ as index.json says: copy it again")
                self.assertEqual(digests(out), {})
                finished = self.folder / f"{form} finished"
                self.pack(self.root / form, finished, *CLASSES, "--raw")
                before = digests(finished)
                self.assertGreater(len(before), 1)
                refused = images.run_preprocess("pack", source, finished, *pack[3:], "--overwrite")
                self.assertEqual(refused.returncode, job.BAD_INPUT, refused.stderr)
                self.assertEqual(digests(finished), before, "what is finished is removed only when its successor can be made")

                shutil.copy(self.root / form / "train" / shard, source / "train" / shard)
                repaired = images.run_preprocess(*pack)
                self.assertEqual(repaired.returncode, job.DONE, repaired.stderr)
                again = images.run_preprocess(*pack)
                self.assertIn("train: packed already", again.stderr)

    def test_other_images_labels_or_another_order_are_another_data_set(self):
        train = self.splits["train"]
        expected = self.folders["packed"]["train"]["fingerprint"]
        first, second = train[:2]
        others = {
            "a pixel": [sources.Image(first.label, first.stem, picture(random.Random(9))), *train[1:]],
            "a label": [sources.Image(1, first.stem, first.file), *train[1:]],
            "the order": [second, first, *train[2:]],
            "one image less": train[1:],
        }
        for name, other in {"nothing": train, **others}.items():
            with self.subTest(changed=name):
                source = self.folder / name
                sources.write_mds(source, {"train": other}, with_i=False)
                summary = self.pack(source, self.folder / f"{name} packed", "--split", "train", *CLASSES)
                check = self.assertEqual if name == "nothing" else self.assertNotEqual
                check(summary["train"]["fingerprint"], expected)


if __name__ == "__main__":
    unittest.main()
