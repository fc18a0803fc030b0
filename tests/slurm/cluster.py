"""A Slurm cluster of two virtual nodes on this machine (slurm-sandbox), and the shipped scripts as its jobs.

Without root or Slurm's packages a test says "skipped: ..." and passes: `require` is called before anything else.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "program"))

import images  # noqa: E402
import job  # noqa: E402

tempfile.tempdir = "/tmp"  # which the nodes share, whatever $TMPDIR says
SANDBOX = HERE / "slurm-sandbox"
PROGRAMS = ["slurmctld", "slurmd", "munged", "sbatch", "ip", "unshare", "nsenter"]
LIMIT = 600  # seconds for what takes some, on a machine with other work
NODES = 2

# One rank on each node, on its CPU: what a site's administrator would say, as options of sbatch.
SIZE = [f"--nodes={NODES}", "--ntasks-per-node=1", "--gpus-per-node=0", "--cpus-per-task=1"]

# The shipped yamls/resnet50.yaml, made small: seconds on a CPU.
TINY = [
    *("device=cpu", "model.name=resnet18", "model.num_classes=3", "model.width=16", "optimizer.lr=0.02", "scheduler.t_warmup=4ba"),
    *("train_dataset.crop_size=32", "train_dataset.batch_size=8"),
    *("eval_dataset.resize_size=36", "eval_dataset.crop_size=32", "eval_dataset.batch_size=4"),
    *("initial_evaluation=false", "eval_interval=1000ep", "save_interval=1000ep"),
]


def require():
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if os.geteuid() != 0:
        reason = "a sandbox of Slurm needs root"
    elif missing:
        reason = f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge libpmix-dev iproute2"
    elif subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode != 0:
        reason = "this container may not make namespaces"
    else:
        return
    print(f"skipped: {reason}")
    sys.exit(0)


class Cluster:
    """`with` ends it and every process of it."""

    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="mosaic-slurm-", dir="/tmp")
        os.rmdir(self.folder)  # slurm-sandbox makes it
        self.environment = dict(
            job.ENVIRONMENT, SLURM_SANDBOX_DIR=self.folder, SLURM_SANDBOX_GPUS="0", **settings,
            PATH=f"{self.folder}/bin:{os.environ['PATH']}",
        )

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.sandbox("down")

    def sandbox(self, *arguments):
        done = subprocess.run([SANDBOX, *arguments], env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"slurm-sandbox {arguments}: {done.stdout}{done.stderr}")

    def up(self):
        self.sandbox("up", str(NODES))

    # `program`: a client of Slurm, or a path
    def call(self, program, *arguments, cwd=ROOT, **environment):
        return subprocess.run(
            [pathlib.Path(self.folder, "bin", program), *map(str, arguments)],
            env=self.environment | environment, cwd=cwd, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def submit(self, script, *arguments, options=(), **environment):
        """A job of a script of slurm/, from the checkout; `environment`: MOSAIC_... settings of the site."""
        done = self.call("sbatch", "--parsable", *options, f"slurm/{script}", *arguments, **environment)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return int(done.stdout)

    def show(self, number):
        """The fields that `scontrol show job` has for it."""
        return dict(re.findall(r"(\S+?)=(\S*)", self.call("scontrol", "--oneliner", "show", "job", number).stdout))

    def wait(self, number, states, limit=LIMIT):
        """Until the job is in one of `states`; returns its fields."""
        end = time.monotonic() + limit
        while (fields := self.show(number))["JobState"] not in states:
            if time.monotonic() > end:
                raise AssertionError(f"job {number} is {fields['JobState']} after {limit} s, not {states}: {fields}")
            time.sleep(0.3)
        return fields

    def wait_for_end(self, number, limit=LIMIT):
        return self.wait(number, ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"), limit)


class SlurmTest(unittest.TestCase):
    """One cluster and one packed data set for each class of tests; a folder for each test, where its jobs leave all they write."""

    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        cls.shards = images.pack(data.name)
        cls.cluster = cls.enterClassContext(Cluster())

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.runs = self.folder / "runs"

    def site(self, line=""):
        """The settings of this site, as variables. In the place of a container stands a script: it runs `line`, and gives each rank a
        core of its own, since both nodes are this one machine."""
        container, site = self.folder / "container", self.folder / "site.sh"
        container.write_text(f'#!/bin/bash\n{line}\nexec taskset --cpu-list $((${{SLURM_PROCID:-0}} % $(nproc --all))) "$@"\n')
        container.chmod(0o755)
        site.write_text((ROOT / "slurm/site.sh").read_text() + f"MOSAIC_CONTAINER=({container})\n")
        paths = {"SITE": site, "BUILD": job.BIN, "SHARDS": self.shards, "RUNS": self.runs}
        return {f"MOSAIC_{name}": str(path) for name, path in paths.items()}

    def submit(self, script, *arguments, options=(), size=SIZE, container="", **environment):
        output = f"--output={self.folder}/%x-%j.out"
        return self.cluster.submit(script, *arguments, options=[output, *size, *options], **(self.site(container) | environment))

    def output(self, number):
        return "".join(path.read_text() for path in self.folder.glob(f"*-{number}.out"))

    def assert_ended(self, number, state, exit_code=0, limit=LIMIT):
        fields = self.cluster.wait_for_end(number, limit)
        self.assertEqual((fields["JobState"], fields["ExitCode"]), (state, f"{exit_code}:0"), f"{fields}\n{self.output(number)}")
        return fields

    def run_of(self, number):
        """The log folder of a job that trains."""
        return self.runs / f"{self.cluster.show(number)['JobName']}-{number}"

    def wait_for_batch(self, number, batch, limit=LIMIT):
        """Until the job has trained so many batches."""
        metrics, end = self.run_of(number) / "metrics.jsonl", time.monotonic() + limit
        while not metrics.exists() or len(metrics.read_text().splitlines()) < batch:
            if time.monotonic() > end or self.cluster.show(number)["JobState"] not in ("PENDING", "CONFIGURING", "RUNNING"):
                raise AssertionError(f"batch {batch} was not reached: {self.cluster.show(number)}\n{self.output(number)}")
            time.sleep(0.1)
