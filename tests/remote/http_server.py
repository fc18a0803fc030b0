#!/usr/bin/env python3
"""A web server of one folder that fails as it is told to.

usage: http_server.py FOLDER [--log FILE] [--share P] [FAULT...]

Prints its port, then serves until its standard input ends. The first request meets the first fault, and so on; `fine` is none. With --share,
each later request meets one of drop, 503 and short with the probability P. --log gets a line of JSON for each request.

  drop    the connection is closed without an answer      NNN     an answer with that status and a reason in S3's XML
  short   half of the bytes that were promised            half    half of the bytes that were asked for, and says so
  expired an answer 400 as S3 gives it to temporary credentials that are over
  stall   half of the bytes, then nothing for 20 s        whole   the whole file, whatever was asked for
  changed the file with another ETag                      garbage the right number of other bytes
  vague   no ETag, no Last-Modified                       moved   to another bucket's region, as S3 says it
"""

import http.server
import json
import pathlib
import random
import re
import sys
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fault = self.server.take_fault()
        self.server.note(self)
        if fault == "drop":
            self.close_connection = True
        elif fault == "moved":
            self.refuse(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-north-1"})
        elif fault == "expired":
            self.refuse(400, "ExpiredToken", {})
        elif fault.isdigit():
            self.refuse(int(fault), "Injected", {"Retry-After": "0"} if fault == "429" else {})
        else:
            self.answer(fault)

    def refuse(self, status, code, headers):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as it was told</Message></Error>".encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, fault):
        path = self.server.folder / urllib.parse.unquote(self.path).lstrip("/")
        if not path.is_file():
            return self.refuse(404, "NoSuchKey", {})
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), min(int(asked[2]), size - 1)) if asked and fault != "whole" else (0, size - 1)
        if first >= size:
            return self.refuse(416, "InvalidRange", {})
        if fault == "half":
            last = first + (last - first) // 2
        count = last - first + 1
        self.send_response(206 if asked and fault != "whole" else 200)
        if asked and fault != "whole":
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(count))
        if fault != "vague":
            self.send_header("ETag", '"another"' if fault == "changed" else f'"{path.stat().st_mtime_ns}-{size}"')
        self.end_headers()
        with path.open("rb") as file:
            file.seek(first)
            if fault in ("short", "stall"):
                self.wfile.write(file.read(count // 2))
                self.wfile.flush()
                self.close_connection = True
                return time.sleep(20 if fault == "stall" else 0)
            while piece := file.read(min(1 << 20, count)):
                self.wfile.write(bytes(255 - b for b in piece) if fault == "garbage" else piece)
                count -= len(piece)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder, faults, share, log):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.faults, self.share, self.log = pathlib.Path(folder), list(faults), share, log
        self.lock, self.random = threading.Lock(), random.Random(17)

    def take_fault(self):
        with self.lock:
            if self.faults:
                return self.faults.pop(0)
            return self.random.choice(["drop", "503", "short"]) if self.random.random() < self.share else "fine"

    def note(self, request):
        if self.log:
            with self.lock, open(self.log, "a") as log:
                log.write(json.dumps({"path": request.path, "headers": dict(request.headers)}) + "\n")

    def handle_error(self, *_):  # a client that goes away in the middle of an answer
        pass


def main():
    words = sys.argv[1:]
    options = {name: words.pop(words.index(name) + 1) for name in ("--log", "--share") if name in words}
    folder, *faults = [word for word in words if word not in options]
    server = Server(folder, faults, float(options.get("--share", 0)), options.get("--log"))
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
