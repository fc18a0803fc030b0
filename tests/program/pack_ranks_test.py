"""`preprocess pack` under mpirun: several processes make what one makes, and end together."""

import hashlib
import io
import os
import pathlib
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import unittest

import images
import job

SOON = 10  # seconds
TINY_SHARDS = ("--shard-size", "20KB")  # a few images in each


def pack_command(source, out, *options, ranks=0, wrapper=()):
    launcher = [job.MPIEXEC, "-np", ranks] if ranks else []
    return [*launcher, *wrapper, job.PREPROCESS, "pack", source, out, *options]


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.h5"))}


def only_on_rank_1(commands):
    """A wrapper: `commands` come before the program of one rank."""
    return ["sh", "-c", f'if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then {commands}; fi; exec "$@"', "sh"]


def rank_of(pid):
    """Of a running `preprocess`; None for other processes, and for those that have ended."""
    try:
        process = pathlib.Path(f"/proc/{pid}")
        if (process / "comm").read_text() != "preprocess\n":
            return None
        variables = dict(word.split("=", 1) for word in (process / "environ").read_text().split("\0") if "=" in word)
        return int(variables["OMPI_COMM_WORLD_RANK"])
    except OSError:
        return None


class PackRanksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        cls.images = pathlib.Path(data.name) / "images"
        images.write_split(cls.images / "train", 60)
        images.write_split(cls.images / "val", 10)
        photos = pathlib.Path(__file__).resolve().parents[1] / "corpus/images"
        for name in ("420.jpg", "cmyk.jpg", "grey.jpg"):  # packed, kept whole, packed
            (cls.images / "train/green" / name).write_bytes((photos / name).read_bytes())
        cls.expected = pathlib.Path(data.name) / "expected"
        with job.Job(pack_command(cls.images, cls.expected, *TINY_SHARDS)) as running:
            cls.alone = running.result()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out"

    def pack(self, *options, source=None, **how):
        with job.Job(pack_command(source or self.images, self.out, *options, **how)) as running:
            return running.result()

    def assert_same_as_alone(self):
        self.assertGreater(len(digests(self.expected)), 10)
        self.assertEqual(digests(self.out), digests(self.expected))
        left = {path.name for path in self.out.iterdir()} - set(digests(self.out))
        self.assertEqual(left, {"train.journal", "val.journal"})

    def test_any_number_of_processes_and_threads_makes_the_same_bytes(self):
        self.assertEqual(self.alone.code, job.DONE, self.alone)
        for ranks, threads in ((1, 2), (2, 1), (4, 2)):
            with self.subTest(ranks=ranks, threads=threads):
                self.out = self.folder / str(ranks)
                result = self.pack(*TINY_SHARDS, "--threads", threads, ranks=ranks)
                self.assertEqual(result.code, job.DONE, result)
                self.assert_same_as_alone()
                summary = self.alone.out.splitlines()[:-1]  # but for the time that it took
                self.assertEqual(result.out.splitlines()[:-1], summary, "the summary, once")

    def test_several_processes_read_the_same_archive_and_make_the_bytes_of_the_folders(self):
        archives = self.folder / "archives"
        archives.mkdir()
        with tarfile.open(archives / "ILSVRC2012_img_train.tar", "w") as train:
            for folder in sorted((self.images / "train").iterdir()):
                one_class = io.BytesIO()
                with tarfile.open(fileobj=one_class, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    for image in folder.iterdir():
                        tar.add(image, image.name)
                info = tarfile.TarInfo(folder.name + ".tar")
                info.size = one_class.tell()
                one_class.seek(0)
                train.addfile(info, one_class)
        with tarfile.open(archives / "val.tar", "w", format=tarfile.GNU_FORMAT) as val:
            val.add(self.images / "val", "val")
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                self.out = self.folder / str(ranks)
                result = self.pack(*TINY_SHARDS, source=archives, ranks=ranks)
                self.assertEqual(result.code, job.DONE, result)
                self.assert_same_as_alone()

    def test_the_same_again_on_any_number_of_processes_does_nothing(self):
        self.pack(*TINY_SHARDS, ranks=2)
        written = (self.out / "train-00003.h5").stat().st_mtime_ns
        result = self.pack(*TINY_SHARDS, ranks=4)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines("train: packed already, from these files with these options: nothing to do")), 1, result)
        self.assertEqual((self.out / "train-00003.h5").stat().st_mtime_ns, written)

    def test_bad_files_of_all_processes_are_listed_once_and_end_the_job_with_one_sentence(self):
        source = self.folder / "in"
        images.write_split(source / "x", 20)
        for name in ("blue/bad.png", "red/bad.png"):  # in the first group and in the last
            (source / "x" / name).write_text("no image")
        options = (*TINY_SHARDS, "--split", "x")
        refused = self.pack(*options, source=source, ranks=3)
        self.assertEqual(refused.code, job.BAD_INPUT, refused)
        self.assertEqual(len(refused.lines("bad: ")), 2, refused)
        sentences = refused.lines("preprocess: ")
        self.assertEqual(len(sentences), 1, refused)
        self.assertIn("2 bad files (listed above), expected at most 0", sentences[0])
        self.assertEqual(refused.left_over, [])

        # What is packed is kept, by the journal of the first process.
        packed = {path.name: path.stat().st_mtime_ns for path in self.out.glob("*.part")}
        self.assertGreater(len(packed), 4)
        again = self.pack(*options, source=source, ranks=2)
        self.assertEqual(again.code, job.BAD_INPUT, again)
        self.assertEqual({path.name: path.stat().st_mtime_ns for path in self.out.glob("*.part")}, packed)
        skipped = self.pack(*options, "--skip-bad", "2", source=source, ranks=2)
        self.assertEqual(skipped.code, job.DONE, skipped)

    def test_what_the_first_process_finds_wrong_is_said_once(self):
        result = self.pack(source=self.folder / "no", ranks=3)
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(result.lines("preprocess"), [f"preprocess: {self.folder}/no: no such folder"])

    def test_a_launcher_of_another_mpi_is_named(self):
        environment = job.ENVIRONMENT | {"SLURM_STEP_NUM_TASKS": "8"}  # as srun sets it, which then starts processes that do not meet
        with job.Job(pack_command(self.images, self.out), env=environment) as running:
            result = running.result()
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertEqual(len(result.lines("preprocess: srun has started 8 processes, of which this one sees 1: ")), 1, result)
        self.assertFalse(self.out.exists())

    def test_a_process_that_fails_alone_ends_the_job(self):
        self.out.mkdir()
        # A disk of its own in place of the folder, which is soon full.
        small = f"exec unshare --mount sh -c 'mount -t tmpfs -o size=16k none {self.out} && exec \"$@\"' sh \"$@\""
        if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            self.skipTest("needs the right to mount")
        result = self.pack(*TINY_SHARDS, ranks=2, wrapper=only_on_rank_1(small))
        self.assertEqual(result.code, job.BAD_INPUT, result)
        said = result.lines("rank 1 of 2: ")
        self.assertEqual(len(said), 1, result)
        self.assertIn("cannot write: No space left on device", said[0])
        self.assertEqual(result.left_over, [])
        self.assertEqual(digests(self.out), {})
        self.assertEqual(self.pack(*TINY_SHARDS, ranks=2).code, job.DONE)
        self.assert_same_as_alone()

    def test_a_process_that_is_killed_ends_the_job_and_the_same_command_goes_on(self):
        source = self.folder / "in"
        images.write_split(source / "x", 300)
        options = ("--split", "x", "--shard-size", "1", "--threads", "1")  # a shard for each image
        whole = self.folder / "whole"
        with job.Job(pack_command(source, whole, *options)) as running:
            self.assertEqual(running.result().code, job.DONE)

        for victim in (0, 1):
            with self.subTest(rank=victim):
                self.out = self.folder / str(victim)
                with job.Job(pack_command(source, self.out, *options, ranks=2)) as running:
                    while len(list(self.out.glob("*.part"))) < 10 and running.process.poll() is None:
                        time.sleep(0.001)
                    running.kill([pid for pid in running.left_over() if rank_of(pid) == victim])
                    killed_at = time.monotonic()
                    result = running.result()
                self.assertLess(time.monotonic() - killed_at, SOON)
                self.assertNotEqual(result.code, job.DONE, result)
                self.assertEqual(result.left_over, [])
                self.assertEqual(digests(self.out), {})
                kept = len((self.out / "x.journal").read_text().splitlines()) - 2
                self.assertGreater(kept, 0)

                again = self.pack(*options, source=source, ranks=2)
                self.assertEqual(again.code, job.DONE, again)
                self.assertEqual(digests(self.out), digests(whole))
                self.assertEqual({path.name for path in self.out.iterdir()} - set(digests(whole)), {"x.journal"})

    def test_a_second_packer_in_the_same_folder_is_refused(self):
        source = self.folder / "in"
        images.write_split(source / "x", 300)
        options = ("--split", "x", "--shard-size", "1", "--threads", "1")
        with job.Job(pack_command(source, self.out, *options)) as first:
            while not (self.out / "pack.lock").exists() or not (self.out / "pack.lock").read_text():
                time.sleep(0.001)
            os.kill(first.process.pid, signal.SIGSTOP)
            for ranks in (0, 2):
                result = self.pack(*options, "--overwrite", source=source, ranks=ranks)
                self.assertEqual(result.code, job.BAD_INPUT, result)
                host = socket.gethostname()
                sentence = (f"preprocess: {self.out}: another `preprocess pack` is packing into this folder "
                            f"(process {first.process.pid} on {host}): wait for its end, or take another folder")
                self.assertEqual(result.lines("preprocess: "), [sentence])
            first.kill([first.process.pid])  # its lock ends with it
        self.assertEqual(self.pack(*options, source=source).code, job.DONE)
        self.assertFalse((self.out / "pack.lock").exists())


if __name__ == "__main__":
    unittest.main()
