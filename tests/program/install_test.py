"""What `cmake --install` writes stands on its own; and whatever tells of options tells of the same ones."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import images
import job

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE = os.environ.get("MOSAIC_CMAKE", "cmake")
OPTION = re.compile(r"--[a-z][a-z-]*")


def output(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def options_of_help(*command):
    """The options in the list of a --help: at the beginning of a line, after a short one perhaps."""
    return {match for line in output(*command, "--help").splitlines() for match in OPTION.findall(line) if re.match(rf"  (-\w,)?{match}\b", line)}


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mosaic-test-", dir=job.BIN)  # programs may run there, unlike in some /tmp
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.prefix = cls.folder / "prefix"
        output(CMAKE, "--install", job.BIN, "--prefix", cls.prefix)
        cls.share = cls.prefix / "share/mosaic_resnet"

    def manual(self, program):
        return (self.prefix / f"share/man/man1/{program}.1").read_text().replace("\\-", "-")

    def completion(self, program):
        return self.prefix / f"share/bash-completion/completions/{program}"

    def completed(self, program, *words):
        """What bash offers for the last of `words`."""
        script = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1"; printf "%s\\n" "${COMPREPLY[@]}"'
        return output("bash", "-c", script, self.completion(program), program, *words, cwd=self.share).split()

    def test_the_installed_programs_say_the_version_of_the_build(self):
        for program in ("mosaic_resnet", "preprocess"):
            said = output(self.prefix / "bin" / program, "--version")
            self.assertEqual(said, output(job.BIN / program, "--version"))
            self.assertRegex(said, rf"^{program} \d+\.\d+\.\d+(\+(g[0-9a-f]+(\.dirty)?|unknown))?\n$")

    def test_help_manual_and_completion_of_mosaic_resnet_have_the_same_options(self):
        options = options_of_help(job.MOSAIC_RESNET)
        self.assertLessEqual({"--check", "--report", "--export", "--raw", "--help", "--version"}, options)
        self.assertEqual(set(OPTION.findall(self.manual("mosaic_resnet"))), options)
        self.assertEqual(set(self.completed("mosaic_resnet", "--")), options)

    def test_help_manual_and_completion_of_preprocess_have_the_same_options(self):
        every = options_of_help(job.PREPROCESS)
        self.assertEqual(set(self.completed("preprocess", "--")), every)
        commands = self.completed("preprocess", "")
        self.assertLessEqual({"pack", "info", "verify", "export", "show", "bench"}, set(commands))
        for command in commands:
            options = options_of_help(job.PREPROCESS, command)
            self.assertEqual(set(self.completed("preprocess", command, "--")), options, command)
            every |= options
        self.assertEqual(set(OPTION.findall(self.manual("preprocess"))), every)
        listed = re.findall(r"^  ([a-z]+) ", output(job.PREPROCESS, "--help").partition("Subcommands:")[2], re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(commands))

    def test_manuals_are_well_formed(self):
        if not shutil.which("groff"):
            self.skipTest("no groff")
        for program in ("mosaic_resnet", "preprocess"):
            said = subprocess.run(["groff", "-man", "-Tascii", "-ww", self.prefix / f"share/man/man1/{program}.1"], capture_output=True, text=True)
            self.assertEqual((said.returncode, said.stderr), (0, ""))

    def test_completion_offers_configurations_then_keys_then_files(self):
        self.assertIn("yamls/resnet50.yaml", self.completed("mosaic_resnet", "yamls/res"))
        self.assertEqual(self.completed("mosaic_resnet", "yamls/resnet50.yaml", "optimizer.l"), ["optimizer.lr="])
        self.assertEqual(set(self.completed("mosaic_resnet", "yamls/resnet50.yaml", "init_from", "=", "scripts/de")),
                         {"scripts/demo", "scripts/demo_settings.py"})
        self.assertEqual(self.completed("mosaic_resnet", "--report", "slurm/site.s"), ["slurm/site.sh"])

    def test_the_scripts_for_slurm_find_the_installed_programs(self):
        for site in ("site.sh", "site-examples/cpu-nodes.sh"):
            said = output("bash", "-c", f"MOSAIC_HOME=/home/anna; source {self.share}/slurm/{site}; echo $MOSAIC_BUILD $MOSAIC_RUNS")
            self.assertEqual(said.split()[0], f"{self.prefix}/bin")
        self.assertTrue(os.access(self.share / "slurm/job.sh", os.X_OK) == os.access(ROOT / "slurm/job.sh", os.X_OK))

    def test_the_demo_runs_from_there_and_completion_knows_every_key_that_it_resolves(self):
        images.write_split(self.folder / "images/train", images.TRAIN_IMAGES)
        images.write_split(self.folder / "images/val", images.EVAL_IMAGES)
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        # Nothing of the checkout, of its .venv or of this shell's settings but Open MPI's place.
        mpi = pathlib.Path(shutil.which(job.MPIEXEC)).parent
        bare = {"PATH": f"{self.prefix}/bin:{mpi}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(elsewhere)}
        said = output(self.share / "scripts/demo", self.folder / "images", "max_duration=2ba", "device=cpu", cwd=elsewhere, env=bare)
        self.assertIn("top-1, loaded again", said)
        run = elsewhere / "demo/folders/images/run"
        self.assertEqual(json.loads((run / "summary.json").read_text())["batches"], 2)

        keys, section = set(), ""
        for line in (run / "config.yaml").read_text().splitlines():
            indent, key = re.match(r"( *)(\w+):", line).groups()
            if not indent:
                section = key
            if len(indent) == 2:
                keys.discard(section)
            if len(indent) <= 2:
                keys.add(f"{section}.{key}" if indent else key)
        self.assertEqual({word.rstrip("=") for word in self.completed("mosaic_resnet", "yamls/resnet50.yaml", "")}, keys)


if __name__ == "__main__":
    unittest.main()
