"""What the tests of mosaic_resnet share: a folder for each test, one packed data set for each class of tests."""

import ctypes
import os
import pathlib
import tempfile
import unittest

import images
import job


class ProgramTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        cls.shards = images.pack(data.name)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.log_folder = self.folder / "run"

    def settings(self, **changes):
        return job.settings(self.folder, self.shards, **changes)

    def train(self, name="run", ranks=0, **changes):
        """A run that must succeed. Returns its log folder."""
        log_folder = self.folder / name
        result = job.run(self.settings(log_folder=log_folder, **changes), ranks)
        self.assertEqual(result.code, job.DONE, result)
        return log_folder

    def small_disk(self, size):
        """A folder on a file system of its own, of `size` ("9m"). Skips the test where none can be mounted."""
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"tmpfs", bytes(disk), b"tmpfs", 0, f"size={size}".encode()) != 0:
            self.skipTest(f"cannot mount a small file system to fill: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.umount2, bytes(disk), 2)  # 2: MNT_DETACH
        return disk

    def assert_close(self, found, expected, relative):
        """Two {batch: value} alike in their batches, and in their values but for a relative difference."""
        self.assertEqual(list(found), list(expected))
        for batch, value in expected.items():
            self.assertLessEqual(abs(found[batch] - value), relative * abs(value), f"batch {batch}: {found[batch]} against {value}")

    def assert_refused(self, result, sentence, code=job.BAD_INPUT):
        """Ended with `code`, the whole job having printed `sentence` once, as a line of its own, and no other reason."""
        self.assertEqual(result.code, code, result)
        self.assertEqual((result.out + result.err).splitlines().count(sentence), 1, f"\nnot once: {sentence}\n{result}")
        for sign_of_a_crash in ("rank 0 of", "terminate called", "what():", "Segmentation"):
            self.assertEqual(result.lines(sign_of_a_crash) if sign_of_a_crash not in sentence else [], [], result)
        self.assertEqual(result.left_over, [], result)
