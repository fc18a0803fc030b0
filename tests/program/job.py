"""Starts mosaic_resnet as a user does, alone or under mpirun, and never lets it outlive a test.

The programs are those in $MOSAIC_BIN (default: build/ of this checkout), started by $MOSAIC_MPIEXEC (default: mpirun).
"""

import json
import os
import pathlib
import select
import signal
import subprocess
import time

BIN = pathlib.Path(os.environ.get("MOSAIC_BIN", pathlib.Path(__file__).resolve().parents[2] / "build")).resolve()
MOSAIC_RESNET = BIN / "mosaic_resnet"
PREPROCESS = BIN / "preprocess"
MPIEXEC = os.environ.get("MOSAIC_MPIEXEC", "mpirun")

DONE, CRASH, BAD_INPUT, SAVED = 0, 1, 3, 85  # exit codes
LIMIT = 300  # seconds for one job: it takes a few, but on a machine with other work ten times as long

# Several ranks on few cores, as root in a container: what a user of this machine would have to set, too.
ENVIRONMENT = dict(
    os.environ,
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_mpi_yield_when_idle="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
    OMPI_MCA_btl_vader_single_copy_mechanism="none",
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="passive",  # else the threads of a rank that is alone spin, for ten times as long where cores are busy
)


def processes_of(session):
    """The living processes of a session: all that a job has started, in whatever process group."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # pid (name) state ppid pgrp session ...: the name may hold spaces and brackets
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(folder.name))
    return found


class Job:
    """A running command in a session of its own. `with` ends it, and all that it has started."""

    def __init__(self, command, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "env": ENVIRONMENT} | options
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(word) for word in command], start_new_session=True, **options)
        self.said = b""  # on stderr, as far as wait_for has read

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill(self.left_over())
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def left_over(self):
        return processes_of(self.process.pid)

    def kill(self, pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # ended by itself meanwhile
                pass

    def ranks(self):
        """Process ids of the running copies of mosaic_resnet."""
        return [pid for pid in self.left_over() if _executable(pid) == MOSAIC_RESNET]

    def wait_for(self, text, limit=LIMIT):
        """Until `text` has been said on stderr, or nothing more will be, or `limit` seconds have passed."""
        stderr, end = self.process.stderr.fileno(), time.monotonic() + limit
        while text.encode() not in self.said and select.select([stderr], [], [], max(0, end - time.monotonic()))[0]:
            chunk = os.read(stderr, 65536)
            if not chunk:
                break
            self.said += chunk

    def result(self, limit=LIMIT):
        """Waits for the end of it and of all that it has started. AssertionError, with what was said so far, after `limit` seconds."""
        try:
            out, err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.kill(self.left_over())
            out, err = self.process.communicate()
            raise AssertionError(f"not at its end after {limit} s:\n{_text(out)}{_text(self.said)}{_text(err)}") from None
        seconds = time.monotonic() - self.started
        # mpirun does not wait for the ranks that it has killed, and a large process takes a moment to go.
        end = time.monotonic() + 5
        while (left_over := self.left_over()) and time.monotonic() < end:
            time.sleep(0.05)
        return Result(self.process.returncode, _text(out), _text(self.said) + _text(err), seconds, left_over)


class Result:
    """How a job has ended."""

    def __init__(self, code, out, err, seconds, left_over):
        self.code, self.out, self.err, self.seconds, self.left_over = code, out, err, seconds, left_over

    def lines(self, text):
        """The lines of both streams that hold `text`."""
        return [line for line in (self.out + self.err).splitlines() if text in line]

    def __str__(self):
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.out}{self.err}"


def _executable(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/exe").resolve()
    except OSError:
        return None


def _text(stream):
    return (stream or b"").decode(errors="replace")


def wait_until(condition, pause=0.002, limit=LIMIT):
    """Until `condition()` holds, or `limit` seconds have passed."""
    end = time.monotonic() + limit
    while not condition() and time.monotonic() < end:
        time.sleep(pause)


def parent(pid):
    """The process that has started `pid`."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def start(arguments, ranks=0, wrapper=(), **options):
    """mosaic_resnet with `arguments`: without mpirun, or as `ranks` ranks, each behind the command `wrapper`."""
    launcher = [MPIEXEC, "-np", ranks] if ranks else []
    return Job([*launcher, *wrapper, MOSAIC_RESNET, *arguments], **options)


def run(arguments, ranks=0, limit=LIMIT, **options):
    with start(arguments, ranks, **options) as job:
        return job.result(limit)


def settings(folder, shards, **changes):
    """A configuration of seconds, a net of a quarter of the channels: writes FOLDER/tiny.yaml, which trains on `shards` and leaves its results in FOLDER.
    `changes` as on the command line, but with __ for the dot. Returns the arguments for mosaic_resnet."""
    yaml = pathlib.Path(folder) / "tiny.yaml"
    yaml.write_text(
        f"""\
run_name: tiny
max_duration: 20ba
device: cpu
model: {{name: resnet18, num_classes: 3, width: 16}}
train_dataset: {{path: {shards}, crop_size: 32, batch_size: 8}}
eval_dataset: {{path: {shards}, resize_size: 36, crop_size: 32, batch_size: 4}}
optimizer: {{lr: 0.02}}
scheduler: {{t_warmup: 4ba}}
log_folder: {folder}/run
save_interval: 1000ep
eval_interval: 1000ep
"""
    )
    return [yaml, *(f"{key.replace('__', '.')}={value}" for key, value in changes.items())]


SHIM = os.environ.get("MOSAIC_FAULTY_RANK", str(BIN / "tests/libfaulty_rank.so"))


def fault(rank, **variables):
    """The environment in which that rank meets a fault: tests/faults/faulty_rank.c."""
    return ENVIRONMENT | {"LD_PRELOAD": SHIM, "MOSAIC_FAULT_RANK": str(rank)} | {f"MOSAIC_FAULT_{key}": str(value) for key, value in variables.items()}


def metrics(log_folder, key):
    """{batch: value} of one metric of a run."""
    lines = [json.loads(line) for line in (pathlib.Path(log_folder) / "metrics.jsonl").read_text().splitlines()]
    return {line["batch"]: line[key] for line in lines if key in line}


def losses(log_folder):
    return metrics(log_folder, "loss/train/total")


def summary(log_folder):
    return json.loads((pathlib.Path(log_folder) / "summary.json").read_text())
