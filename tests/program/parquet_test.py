"""`preprocess pack` from Parquet files as Hugging Face's `datasets` writes them; where it was built without Apache Parquet it says what to do."""

import json
import pathlib
import random
import shutil
import tempfile
import unittest

import images
import job
import sources
import sources_test
from pack_ranks_test import digests

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    pyarrow = None

FILES = 3  # of a split


def is_built_with_parquet():
    with tempfile.TemporaryDirectory(prefix="mosaic-test-") as folder:
        sources.write(pathlib.Path(folder) / "x-00000-of-00001.parquet", b"")
        said = images.run_preprocess("pack", folder, folder + "/out", "--split", "x")
    if said.returncode != job.BAD_INPUT:
        raise AssertionError(f"an empty Parquet file is no bad input, exit code {said.returncode}: {said.stderr}")
    return "built without" not in said.stderr


def table_of(rows):
    """@param rows  [(bytes or None, path or None, label or None), ...]"""
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    return pyarrow.table({
        "image": pyarrow.array([{"bytes": file, "path": path} for file, path, _ in rows], image),
        "label": pyarrow.array([label for _, _, label in rows], pyarrow.int64()),
    })


def rows_of(all_images, paths=True):
    """With the class at the end of the name, as in imagenet-1k."""
    return [(image.file, f"{image.stem}_{image.wnid}.JPEG" if paths else None, image.label) for image in all_images]


def write_parquet(root, splits, paths=True, in_folders=False, **options):
    """Shuffled, if the names tell the order; without paths the images stand in their order."""
    for split, all_images in splits.items():
        rows = rows_of(sources.shuffled(all_images) if paths else all_images, paths)
        per_file = -(-len(rows) // FILES)
        for number in range(FILES):
            name = f"{'validation' if split == 'val' else split}-{number:05}-of-{FILES:05}.parquet"
            path = root / split / f"{number:04}.parquet" if in_folders else root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(table_of(rows[number * per_file : (number + 1) * per_file]), path, **options)


class WithoutParquetTest(unittest.TestCase):
    def test_a_program_without_parquet_says_how_to_get_one_with_it(self):
        if is_built_with_parquet():
            self.skipTest("this program reads Parquet files")
        with tempfile.TemporaryDirectory(prefix="mosaic-test-") as folder:
            file = pathlib.Path(folder) / "train-00000-of-00001.parquet"
            sources.write(file, b"PAR1")
            said = images.run_preprocess("pack", folder, folder + "/out", "--split", "train")
            self.assertEqual(said.returncode, job.BAD_INPUT)
            self.assertIn(f"{file}: this `preprocess` was built without Apache Parquet: put the wheel pyarrow into .venv", said.stderr)


class ParquetTest(sources_test.PackingTest):
    @classmethod
    def setUpClass(cls):
        if pyarrow is None:
            raise unittest.SkipTest("the files are written with pyarrow, which is not there")
        if not is_built_with_parquet():
            raise unittest.SkipTest("this program was built without Apache Parquet")
        super().setUpClass()
        sources.write(cls.root / "classes.txt", "".join(f"{wnid}\n" for wnid in sources.WNIDS))
        cls.folders = cls.pack(cls.root / "folders", cls.root / "folders packed")

    @property
    def classes(self):
        return "--classes", self.root / "classes.txt"

    def test_every_form_gives_the_fingerprint_of_the_folders(self):
        forms = {
            "shuffled": {},
            "in folders": {"in_folders": True},
            "small groups and pages": {"row_group_size": 4, "data_page_size": 100, "compression": "zstd"},
            "large groups, no dictionary": {"use_dictionary": False, "compression": "none"},
            "second version of pages": {"data_page_version": "2.0", "compression": "gzip"},
            "in order, without paths": {"paths": False},
        }
        for name, options in forms.items():
            with self.subTest(form=name):
                source, out = self.folder / name, self.folder / f"{name} packed"
                write_parquet(source, self.splits, **options)
                summary = self.pack(source, out, *self.classes)
                for split, expected in self.folders.items():
                    self.assertEqual(summary[split] | {"shards": 0}, expected | {"shards": 0})
                if options.get("paths", True):
                    self.assertEqual(digests(out), digests(self.root / "folders packed"), "the names are those of the folders, too")
                self.assertEqual({path.name for path in out.iterdir()} - set(digests(out)), {"train.journal", "val.journal"})

    def test_two_processes_make_the_same_bytes_and_the_same_again_does_nothing(self):
        write_parquet(self.folder / "in", self.splits)
        out = self.folder / "out"
        self.pack(self.folder / "in", out, *self.classes, ranks=2)
        self.assertEqual(digests(out), digests(self.root / "folders packed"))
        again = images.run_preprocess("pack", self.folder / "in", out, "--shard-size", "20KB", *self.classes)
        self.assertIn("train: packed already", again.stderr)
        self.assertNotIn("decompressing", again.stderr)

    def test_names_that_end_like_the_number_of_their_class_keep_their_order(self):
        labels = {"a.jpg": 0, "img_0.jpg": 1, "img_1.jpg": 1, "img_2.jpg": 1}
        rows = [(image.file, path, label) for image, (path, label) in zip(self.splits["train"], labels.items())]
        fingerprints = set()
        for name, all_rows in (("named", rows), ("unnamed", [(file, None, label) for file, _, label in rows])):
            path = self.folder / name / "x-00000-of-00001.parquet"
            path.parent.mkdir()
            pyarrow.parquet.write_table(table_of(all_rows), path)
            fingerprints.add(self.pack(path.parent, self.folder / f"{name} packed", "--split", "x")["x"]["fingerprint"])
        self.assertEqual(len(fingerprints), 1)

    def refusal(self, path):
        """What pack says of a folder with that one file, as the only one of its split."""
        result = images.run_preprocess("pack", path.parent, self.folder / "out", "--split", "x")
        self.assertEqual(result.returncode, job.BAD_INPUT, result.stderr)
        return result.stderr

    def test_files_that_cannot_be_packed_are_refused_with_file_and_row(self):
        source = self.folder / "in"
        write_parquet(source, self.splits)
        (source / "train-00001-of-00003.parquet").unlink()
        missing = images.run_preprocess("pack", source, self.folder / "out")
        self.assertIn(f"{source}: got 2 Parquet files of train, expected the 3 that the name", missing.stderr)

        for folder in (source, self.folder / "in folders/train"):
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("train*"):
                old.unlink()
            for others, said in (
                (("train-00001-of-00002", "train-00002-of-00003"), "got both train-00000-of-00002.parquet and train-00002-of-00003.parquet"),
                (("x-train-00001-of-00002",), "got both train-00000-of-00002.parquet and x-train-00001-of-00002.parquet for train: expected one"),
                (("train-00002-of-00002",), "got train-00002-of-00002.parquet: expected the numbers 0 to 1 before -of-, each once"),
                ((), "got 1 Parquet files of train, expected the 2 that the name"),
            ):
                names = ("train-00000-of-00002", *others)
                for name in names:
                    pyarrow.parquet.write_table(table_of([(b"file", "a.jpg", 0)]), folder / f"{name}.parquet")
                refused = images.run_preprocess("pack", folder.parent if folder != source else source, self.folder / "out", "--split", "train")
                self.assertIn(f"{folder}: {said}", refused.stderr)
                for name in names:
                    (folder / f"{name}.parquet").unlink()

        path = self.folder / "one/x-00000-of-00001.parquet"
        path.parent.mkdir()
        good = (b"file", "a.jpg", 0)
        for row, said in (
            ((None, "b.jpg", 0), "row 1: no image.bytes: expected the image itself and its label in every row"),
            ((b"file", "b.jpg", None), "row 1: no label: expected"),
            ((b"file", "b.jpg", -1), "row 1: label: got -1, expected 0 to 999999"),
            ((b"file", "b.jpg", 2), "no image has label 1, and the highest is 2"),
        ):
            pyarrow.parquet.write_table(table_of([good, row]), path)
            self.assertIn(said, self.refusal(path))
        pyarrow.parquet.write_table(pyarrow.table({"img": [b"file"], "label": [0]}), path)
        self.assertIn(f"{path}: got the columns img, label, expected image.bytes (a file), label (a whole number)", self.refusal(path))
        pyarrow.parquet.write_table(table_of([]), path)
        self.assertIn("no row in these files", self.refusal(path))

    def test_no_damage_does_more_than_an_error(self):
        path = self.folder / "one/x-00000-of-00001.parquet"
        path.parent.mkdir()
        pyarrow.parquet.write_table(table_of(rows_of(self.splits["train"][:6])), path)
        whole, noise = path.read_bytes(), random.Random(1)
        for _ in range(40):
            damaged = bytearray(whole)
            if noise.random() < 0.3:
                del damaged[noise.randrange(len(damaged)) :]
            else:
                place = noise.randrange(len(damaged)) if noise.random() < 0.5 else len(damaged) - noise.randrange(1, 900)
                damaged[place] ^= 1 << noise.randrange(8)
            path.write_bytes(damaged)
            self.assert_no_row_is_lost(path, 6)

    def assert_no_row_is_lost(self, path, rows):
        """The file is refused, or all its rows are images or bad files. Returns what pack says."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        result = images.run_preprocess("pack", path.parent, self.folder / "out", "--split", "x", "--skip-bad", str(rows), "--json")
        self.assertIn(result.returncode, (job.DONE, job.BAD_INPUT), result.stderr)
        if result.returncode == job.DONE:
            summary = json.loads(result.stdout)["x"]
            self.assertEqual(summary["images"] + summary["bad_files"], rows, result.stderr)
        return result.stderr

    def test_a_damaged_count_of_rows_loses_none(self):
        path = self.folder / "one/x-00000-of-00001.parquet"
        path.parent.mkdir()
        pyarrow.parquet.write_table(table_of(rows_of(self.splits["train"][:6])), path)
        whole, said = path.read_bytes(), ""
        footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
        places = [place for place in range(footer, len(whole) - 8) if whole[place : place + 2] == b"\x16\x0c"]  # a field of 64 bits: 6
        self.assertGreaterEqual(len(places), 5, "of the file, the group and its columns")
        for place in places:
            for count in (0, 5, 7, -6):
                written = 2 * count if count >= 0 else -2 * count - 1
                path.write_bytes(whole[: place + 1] + bytes([written]) + whole[place + 2 :])
                said += self.assert_no_row_is_lost(path, 6)
        self.assertIn("has more rows than its group says", said)
        self.assertIn("its row groups hold 6 rows, expected 5 as its footer says", said)


if __name__ == "__main__":
    unittest.main()
