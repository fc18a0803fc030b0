#!/usr/bin/env python3
"""The signatures of our requests are those that botocore makes of the same requests: for keys with blanks and other bytes that stand for
themselves in no URL, with and without temporary credentials. A server that only keeps what it is asked stands for S3.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

try:
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
except ImportError:
    print("skipped: botocore is not installed: scripts/install does it")
    sys.exit(0)

from server import Server

REMOTE_GET = os.environ["MOSAIC_REMOTE_GET"]
KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdz/+=token"


def expected_authorization(request, url, token, region):
    """What botocore says for the request that came, at the time that it names."""
    headers = {name.lower(): value for name, value in request["headers"].items()}
    signed = re.search(r"SignedHeaders=([^,]*)", headers["authorization"])[1].split(";")
    again = botocore.awsrequest.AWSRequest(method="GET", url=url, headers={name: headers[name] for name in signed})
    again.context["payload_signing_enabled"] = True
    auth = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(KEY, SECRET, token), "s3", region)
    again.context["timestamp"] = headers["x-amz-date"]
    text = auth.string_to_sign(again, auth.canonical_request(again))
    return signed, auth.signature(text, again)


class SignatureTest(unittest.TestCase):
    def ask(self, location, name, **environment):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "log"
            with Server(folder, "--log", log) as server:
                clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and "proxy" not in key.lower()}
                subprocess.run(
                    [REMOTE_GET, location, name, "0", "10"], env=clean | {"HOME": folder, "AWS_ENDPOINT_URL_S3": server.url} | environment, capture_output=True, timeout=60
                )
                return server.requests(log)[0], server.url.rstrip("/")

    def check(self, request, url, token=None, region="us-east-1"):
        headers = {name.lower(): value for name, value in request["headers"].items()}
        signed, signature = expected_authorization(request, url, token, region)
        self.assertIn("x-amz-content-sha256", signed)
        self.assertIn("host", signed)
        self.assertEqual("x-amz-security-token" in signed, token is not None)
        unsigned = {name for name in headers if name.startswith("x-amz-")} - set(signed)
        self.assertEqual(unsigned, set(), "S3 refuses requests with such headers that are not signed")
        self.assertEqual(re.search(r"Signature=(\w+)", headers["authorization"])[1], signature)
        self.assertIn(f"Credential={KEY}/{headers['x-amz-date'][:8]}/{region}/s3/aws4_request", headers["authorization"])

    def test_at_a_server_of_ones_own(self):
        for key in ["plain", "with blank", "a+b=c&d", "quote'(1)!*", "per%20cent", "ümlaut/~tilde", "x:y@z,$;"]:
            for token in [None, TOKEN]:
                with self.subTest(key=key, token=token):
                    more = {"AWS_SESSION_TOKEN": token} if token else {}
                    request, server = self.ask(
                        f"s3://my-bucket/{key}",
                        "train-00000.h5",
                        AWS_ACCESS_KEY_ID=KEY,
                        AWS_SECRET_ACCESS_KEY=SECRET,
                        AWS_REGION="eu-north-1",
                        **more,
                    )
                    self.assertEqual(urllib.parse.unquote(request["path"]), f"/my-bucket/{key}/train-00000.h5")
                    self.check(request, server + request["path"], token, "eu-north-1")

    def test_without_credentials_nothing_is_signed(self):
        request, _ = self.ask("s3://my-bucket/a", "train-00000.h5")
        self.assertNotIn("Authorization", request["headers"])
        self.assertEqual(request["headers"]["Range"], "bytes=0-9")


if __name__ == "__main__":
    unittest.main()
