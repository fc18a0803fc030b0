"""http_server.py, for tests in Python."""

import json
import pathlib
import subprocess
import sys


class Server:
    """With `with`: serves `folder` on this machine."""

    def __init__(self, folder, *arguments):
        script = pathlib.Path(__file__).parent / "http_server.py"
        command = [sys.executable, "-B", script, folder, *arguments]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    @staticmethod
    def requests(log):
        return [json.loads(line) for line in pathlib.Path(log).read_text().splitlines()]
