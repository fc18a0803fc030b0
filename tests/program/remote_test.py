"""Training on shards that are fetched from S3 or a web server: the same losses as from a folder, whatever fails on the way.

S3 is moto's server on this machine, behind a server that passes requests on and fails as often as it is told to.
"""

import http.client
import http.server
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest

try:
    import boto3
    from moto.server import ThreadedMotoServer
except ImportError:
    print("skipped: moto is not installed: scripts/install does it")
    sys.exit(0)

import images
import job
from program_test import ProgramTest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "remote"))
from server import Server  # noqa: E402

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "my-bucket"


class FaultyS3(http.server.ThreadingHTTPServer):
    """Passes requests on to `upstream` (host, port); `share` of them fail, and each waits for up to `delay` seconds."""

    daemon_threads = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), FaultyHandler)
        self.upstream, self.share, self.delay, self.requests = upstream, 0.0, 0.0, []
        self.random = random.Random(17)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):  # a client that goes away in the middle of an answer
        pass


class FaultyHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        time.sleep(server.delay * server.random.random())
        fault = server.random.choice(["drop", "503", "short"]) if server.random.random() < server.share else None
        self.close_connection = fault is not None
        if fault == "drop":
            return
        connection = http.client.HTTPConnection(*server.upstream, timeout=30)
        connection.request("GET", self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(503 if fault == "503" else answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "short" else body)
        connection.close()

    def log_message(self, *_):
        pass


def write_large_images(folder, count):
    """`count` images of 270 KB: shards of a few do not come with the first request."""
    noise = random.Random(count)
    for i in range(count):
        name = sorted(images.CLASSES)[i % len(images.CLASSES)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{i:03}.ppm").write_bytes(b"P6 300 300 255\n" + noise.randbytes(300 * 300 * 3))


class RemoteTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        data = tempfile.TemporaryDirectory(prefix="mosaic-test-")
        cls.addClassCleanup(data.cleanup)
        folder = pathlib.Path(data.name)
        write_large_images(folder / "images" / "train", 34)
        write_large_images(folder / "images" / "val", 10)
        cls.shards = folder / "shards"
        packed = images.run_preprocess("pack", folder / "images", cls.shards, "--shard-size", "2MiB")
        assert packed.returncode == 0, packed.stderr
        s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        s3.start()
        cls.addClassCleanup(s3.stop)
        cls.s3 = FaultyS3(s3.get_host_and_port())
        os.environ.update(KEYS)
        client = boto3.client("s3", endpoint_url="http://%s:%d" % s3.get_host_and_port())
        client.create_bucket(Bucket=BUCKET)
        for shard in cls.shards.glob("*.h5"):
            client.upload_file(str(shard), BUCKET, f"sets/the set/{shard.name}")

    def setUp(self):
        super().setUp()
        self.s3.share, self.s3.delay = 0.0, 0.0
        self.s3.requests.clear()
        self.environment = job.ENVIRONMENT | KEYS | {"AWS_ENDPOINT_URL_S3": self.s3.url, "HOME": str(self.folder)}

    def remote_settings(self, name="run", path=f"s3://{BUCKET}/sets/the set", **changes):
        local = changes.pop("local", self.folder / "local")
        settings = {"log_folder": self.folder / name, "train_dataset__local": local, "eval_dataset__local": local}
        return job.settings(self.folder, path, **settings, **changes)

    def remote_losses(self, name="run", ranks=0, **changes):
        result = job.run(self.remote_settings(name, **changes), ranks, env=self.environment)
        self.assertEqual(result.code, job.DONE, result)
        return job.losses(self.folder / name)

    def folder_losses(self, ranks=0, **changes):
        return job.losses(self.train("folder", ranks, **changes))

    def test_the_losses_are_those_of_a_folder(self):
        expected = self.folder_losses()
        self.assertEqual(self.remote_losses(), expected)
        evaluated = [job.metrics(self.folder / name, "metrics/eval/CrossEntropy") for name in ("run", "folder")]
        self.assertEqual(evaluated[0], evaluated[1])
        requests = len(self.s3.requests)
        self.assertEqual(self.remote_losses("again"), expected)
        self.assertEqual(len(self.s3.requests) - requests, 2)  # one for each split: it is the same still

    def test_a_tenth_of_the_requests_fails(self):
        expected = self.folder_losses(2)
        self.s3.share = 0.1
        self.assertEqual(self.remote_losses(ranks=2), expected)

    def test_in_block_order(self):
        block = {"train_dataset__shuffle": "block", "train_dataset__shuffle_block": 7, "train_dataset__shuffle_window": 8}
        expected = self.folder_losses(**block)
        self.assertEqual(self.remote_losses(**block), expected)

    def test_from_a_web_server(self):
        expected = self.folder_losses()
        with Server(self.shards, "--share", "0.1") as server:
            self.assertEqual(self.remote_losses(path=server.url), expected)

    def test_where_the_process_that_fetches_is_killed_another_goes_on(self):
        expected = self.folder_losses()
        self.s3.delay = 3
        with job.start(self.remote_settings("killed"), env=self.environment) as killed:
            killed.wait_for("all but their images fetched")
            with job.start(self.remote_settings("run"), env=self.environment) as other:
                job.wait_until(lambda: list(self.folder.glob("local/*/*.whole")))
                killed.kill(killed.left_over())
                result = other.result()
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(job.losses(self.log_folder), expected)

    def test_a_run_that_was_killed_while_it_fetched_goes_on_with_what_there_is(self):
        expected = self.folder_losses()
        self.s3.delay = 3
        with job.start(self.remote_settings("killed"), env=self.environment) as killed:
            job.wait_until(lambda: list(self.folder.glob("local/train-*/*.whole")))
            killed.kill(killed.left_over())
        self.s3.delay = 0
        self.assertEqual(self.remote_losses(), expected)

    def test_what_cannot_be_fetched_is_said_once(self):
        result = job.run(self.remote_settings(path=f"s3://{BUCKET}/nowhere"), 2, env=self.environment)
        self.assert_refused(
            result,
            f"mosaic_resnet: train_dataset.path: {self.s3.url}/{BUCKET}/nowhere/train-00000.h5: the server answers 404 "
            "(NoSuchKey: The specified key does not exist.): expected the folder that `preprocess pack` has written, copied there with these names",
        )

    def test_a_shard_that_is_gone_ends_the_run_with_its_url(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cp", *self.shards.glob("*.h5"), folder], check=True)
            with Server(folder) as server:
                with job.start(self.remote_settings(path=server.url, initial_evaluation="false"), env=self.environment) as run:
                    run.wait_for("(val); all but their images")
                    for shard in pathlib.Path(folder).glob("train-*.h5"):
                        shard.unlink()
                    result = run.result()
        self.assertEqual(result.code, job.BAD_INPUT, result)
        self.assertTrue(result.lines("the server answers 404"), result)

    def test_check_says_what_the_server_has(self):
        result = job.run(["--check", *self.remote_settings()], env=self.environment)
        self.assertEqual(result.code, job.DONE, result)
        self.assertEqual(len(result.lines(": answers; 0 of ")), 2, result)


if __name__ == "__main__":
    unittest.main()
