"""Each script of slurm/ runs in a Slurm job, as shipped, and ends as its exit code says."""

import re
import shutil
import subprocess
import time
import unittest

from cluster import ROOT, SIZE, TINY, SlurmTest, job, require

SCRIPTS = sorted((ROOT / "slurm").glob("*.sbatch"))


class ScriptsTest(SlurmTest):
    def test_the_four_recipes_train_and_evaluate_gives_their_accuracy_again(self):
        names = ("baseline", "mild", "medium", "hot")
        numbers = {name: self.submit(f"resnet50_{name}.sbatch", *TINY, "max_duration=6ba") for name in names}
        for name, number in numbers.items():
            with self.subTest(name):
                self.assert_ended(number, "COMPLETED")
                folder = self.run_of(number)
                self.assertEqual(folder.name, f"resnet50_{name}-{number}")
                self.assertEqual(job.summary(folder)["world_size"], 2)
                first_line = (folder / "config.yaml").read_text().splitlines()[0]
                self.assertEqual(re.findall(r"recipe (\w+) of", first_line), [] if name == "baseline" else [name])

                evaluation = self.submit("evaluate.sbatch", folder)
                self.assert_ended(evaluation, "COMPLETED")
                self.assertEqual(job.summary(folder / f"evaluation-{evaluation}")["eval"], job.summary(folder)["eval"])

    def test_preprocess_packs_and_verifies(self):
        shards = self.folder / "packed"
        self.assert_ended(self.submit("preprocess.sbatch", "pack", self.shards.parent / "images", shards, size=()), "COMPLETED")
        self.assertEqual((shards / "train-00000.h5").read_bytes(), (self.shards / "train-00000.h5").read_bytes())
        number = self.submit("preprocess.sbatch", "verify", shards, size=())
        self.assert_ended(number, "COMPLETED")
        self.assertIn("34 images read and decoded, all good", self.output(number))

    def test_two_nodes_pack_what_one_packs(self):
        source, folders = self.shards.parent / "images", {"one": (), "two": SIZE}
        for name, size in folders.items():
            number = self.submit("preprocess.sbatch", "pack", source, self.folder / name, "--shard-size", "20KB", size=size)
            self.assert_ended(number, "COMPLETED")
            self.assertEqual(self.output(number).count("fingerprint of train: "), 1)
            self.assertEqual("packing by 2 processes" in self.output(number), name == "two")
        one, two = ({path.name: path.read_bytes() for path in (self.folder / name).glob("*.h5")} for name in folders)
        self.assertGreater(len(one), 4)
        self.assertEqual(two, one)

    def test_packing_that_is_stopped_is_requeued(self):
        # That `preprocess` then goes on where it was, its own tests show: here the first start takes for ever.
        started = self.folder / "started"
        wait = f"[[ -e {started} ]] || {{ touch {started} && exec sleep 600; }}"
        number = self.submit("preprocess.sbatch", "info", self.shards, size=(), container=wait)
        while not started.exists():
            time.sleep(0.1)
        self.cluster.call("scancel", "--batch", "--signal=USR1", number)
        self.assert_ended(number, "COMPLETED")
        self.assertEqual(self.cluster.show(number)["Restarts"], "1")
        self.assertIn("saved; requeueing\n", self.output(number))
        self.assertIn("fingerprint of train: ", self.output(number))

    def test_a_wrong_setting_ends_the_job_with_3_and_no_requeue(self):
        number = self.submit("resnet50_mild.sbatch", *TINY, "max_duration=soon")
        fields = self.assert_ended(number, "FAILED", job.BAD_INPUT)
        self.assertEqual(fields["Restarts"], "0")
        self.assertIn("max_duration: got soon", self.output(number))

    def test_check_is_passed_on(self):
        number = self.submit("resnet50_medium.sbatch", "--check", *TINY)
        self.assert_ended(number, "COMPLETED")
        self.assertIn("ok    ranks                   2 ranks on 2 nodes, 1 on each\n", self.output(number))
        self.assertRegex(self.output(number), r"ok    all-reduce of 102 MB    [0-9.]+ ms, [0-9.]+ GB/s per rank|warn  all-reduce")
        self.assertRegex(self.output(number), r"time  .*; the job ends in 2[34]\.. h\n")
        self.assertFalse(self.runs.exists())

    def test_shards_are_copied_to_each_node_and_found_there_by_the_next_job(self):
        stage = self.folder / "disk"  # both nodes see the same folder here, and take turns in it
        first = self.submit("resnet50_baseline.sbatch", *TINY, "max_duration=2ba", MOSAIC_STAGE=str(stage), MOSAIC_STAGE_VERIFY="1")
        self.assert_ended(first, "COMPLETED")
        [copy] = stage.iterdir()
        self.assertIn(f"path: {copy}\n", (self.run_of(first) / "config.yaml").read_text())
        self.assertIn(": 2 files copied in", self.output(first))
        self.assertIn("34 images read and decoded, all good", self.output(first))

        # A copy that was cut short is noticed and made again; one that is whole is kept.
        shard = copy / "train-00000.h5"
        shard.write_bytes(shard.read_bytes()[:1000])
        kept = (copy / "val-00000.h5").stat().st_ctime_ns
        second = self.submit("resnet50_baseline.sbatch", *TINY, "max_duration=2ba", MOSAIC_STAGE=str(stage))
        self.assert_ended(second, "COMPLETED")
        self.assertIn(": 1 files copied in", self.output(second))
        self.assertEqual((copy / "val-00000.h5").stat().st_ctime_ns, kept)

    def test_a_disk_that_is_too_small_for_the_shards_ends_the_job_with_3(self):
        small = self.folder / "small"
        small.mkdir()
        # Each node of the sandbox has mounts of its own: the disk is put there by the command that a container would be.
        mount = f"mountpoint -q {small} || mount -t tmpfs -o size=64k small {small}"
        number = self.submit("resnet50_baseline.sbatch", *TINY, MOSAIC_STAGE=str(small), container=mount)
        self.assert_ended(number, "FAILED", job.BAD_INPUT)
        self.assertRegex(self.output(number), r": the shards need \d+ bytes, but only \d+ bytes are free there\n")

    def test_a_stage_that_cannot_be_made_ends_the_job_with_3(self):
        number = self.submit("resnet50_baseline.sbatch", *TINY, MOSAIC_STAGE="/proc/nowhere")
        self.assert_ended(number, "FAILED", job.BAD_INPUT)

    def test_a_job_from_another_folder_says_what_to_do(self):
        done = self.cluster.call("sbatch", "--parsable", f"--output={self.folder}/%x-%j.out", *SIZE, ROOT / "slurm/evaluate.sbatch", cwd="/tmp")
        number = int(done.stdout)
        self.assert_ended(number, "FAILED", job.BAD_INPUT)
        self.assertIn("submit this from the checkout, or set MOSAIC_HOME to it\n", self.output(number))


class TextTest(unittest.TestCase):
    def test_shellcheck_has_nothing_to_say(self):
        if not shutil.which("shellcheck"):
            self.skipTest("no shellcheck")
        files = [*SCRIPTS, *(ROOT / "slurm").glob("*.sh"), *(ROOT / "slurm/site-examples").glob("*.sh"), ROOT / "slurm/chain", ROOT / "slurm/stage"]
        done = subprocess.run(["shellcheck", "--external-sources", *files], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_no_script_sets_anything_of_training(self):
        allowed = {"run_name", "log_folder", "autoresume", "recipe_name", "is_train", "load_path", "train_dataset.path", "eval_dataset.path"}
        sections = set(re.findall(r"^([\w.]+):", (ROOT / "yamls/resnet50.yaml").read_text(), re.MULTILINE))
        for path in (ROOT / "slurm").rglob("*"):
            if path.is_file():
                keys = re.findall(r"(?<![\w-])([a-z_]+(?:\.[a-z_]+)*)=", path.read_text())
                self.assertEqual([key for key in keys if key.split(".")[0] in sections and key not in allowed], [], path)

    def test_every_job_can_be_stopped_and_requeued(self):
        for path in SCRIPTS:
            options = re.findall(r"^#SBATCH (.*)$", path.read_text(), re.MULTILINE)
            for needed in ("--signal=B:USR1@120", "--requeue", "--open-mode=append"):
                self.assertIn(needed, options, path)


if __name__ == "__main__":
    require()
    unittest.main()
