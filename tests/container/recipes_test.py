"""The recipes of scripts/container, as shipped, step by step in a Debian of debootstrap; then what is in the image runs.

Skipped without $MOSAIC_CHROOT, a new or empty folder for it: needs root, debootstrap, the network, 13 GB there and half an hour.
$MOSAIC_CHROOT_COPY: files of this machine, with spaces between, that such a Debian needs here (certificates, sources of packages).
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = os.environ.get("MOSAIC_CHROOT")
NEED_A_DRIVER = {"libcuda.so.1", "libnvidia-ml.so.1"}  # NVIDIA's, which the host hands in
# Of the wheel: for programs in Python; and what nothing there links, or that would lack what it lacks.
NEED_NO_MATTER = {"libtorch_python.so", "libgfortran.so.5"}


class RecipesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(FOLDER).resolve()
        # The test's own clone has what is committed, and a .git from which the programs learn their version.
        clone = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(clone.cleanup)
        subprocess.run(["git", "clone", "--quiet", ROOT, f"{clone.name}/clone"], check=True)
        cls.recipes = pathlib.Path(clone.name, "clone/scripts/container")
        cls.commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], text=True, capture_output=True, check=True).stdout
        copied = [f"--copy={path}" for path in os.environ.get("MOSAIC_CHROOT_COPY", "").split()]
        cls.build = [*copied, "build"]

    def in_chroot(self, *words):
        done = subprocess.run([self.recipes / "in_chroot", *words], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        return done.stdout

    def check(self, name):
        recipe, root = self.recipes / name, self.folder / name
        self.in_chroot(*self.build, recipe, root)
        self.addCleanup(shutil.rmtree, root)  # kept where something fails in the steps, to look at
        run = ["run", recipe, root]

        self.assertIn("usage: mosaic_resnet", self.in_chroot(*run, "mosaic_resnet", "--help"))
        version = self.in_chroot(*run, "mosaic_resnet", "--version")
        said = re.fullmatch(r"mosaic_resnet [\d.]+(?:\+g([0-9a-f]+))?\n", version)
        self.assertTrue(said, version)
        # A commit that is a release says no more than its number.
        released = subprocess.run(["git", "-C", ROOT, "describe", "--exact-match", "--tags"], capture_output=True).returncode == 0
        self.assertTrue(released if said[1] is None else self.commit.startswith(said[1]), version)

        linked = self.in_chroot(*run, "sh", "-c", "find /opt/mosaic/.venv /usr/local/bin -type f \\( -name '*.so*' -o -perm /1 \\) -print"
                                " -exec ldd {} \\; 2>/dev/null")
        missing, file = set(), ""
        for line in linked.splitlines():
            if not line.startswith("\t"):
                file = pathlib.Path(line).name
            elif "not found" in line and file not in NEED_NO_MATTER:
                missing.add(line.split()[0])
        self.assertLessEqual(missing, NEED_A_DRIVER | NEED_NO_MATTER)

        tools = self.in_chroot(*run, "sh", "-c", "for tool in g++ git cmake nvcc pip; do command -v $tool || true; done")
        self.assertEqual(tools, "", "only building needs these")
        self.assertEqual(os.listdir(root / "opt/mosaic"), [".venv"])

        demo = "cd $(mktemp -d) && /usr/local/share/mosaic_resnet/scripts/demo max_duration=2ba"
        for user in ("0", "1000"):
            self.assertIn("top-1, loaded again", self.in_chroot("--user", user, *run, "sh", "-c", demo))

    def test_dockerfile(self):
        self.check("Dockerfile")

    def test_apptainer_definition(self):
        self.check("mosaic_resnet.def")


if __name__ == "__main__":
    if not FOLDER:
        print("skipped: takes half an hour; MOSAIC_CHROOT=FOLDER runs it there")
        sys.exit(0)
    unittest.main()
