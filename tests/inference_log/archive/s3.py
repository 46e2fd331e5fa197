"""A real S3 server on loopback (moto's), and a line to it that can be cut."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from urllib.request import Request, urlopen

import boto3
from pyarrow import fs

OPTIONS = "scheme=http&region=us-east-1"


class Moto:
    """The server, in a process of its own."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                break
            except OSError:
                assert self._process.poll() is None
                assert time.monotonic() < end, "moto did not start"
                time.sleep(0.05)

    def url(self, path, *, key="key:hunter2secret", port=None):
        return f"s3://{key}@{path}?endpoint_override=127.0.0.1:{port or self.port}&{OPTIONS}"

    def system(self):
        """Return a client of its own, to look at what is there, and to spoil it."""
        return fs.S3FileSystem(
            access_key="key",
            secret_key="hunter2secret",
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )

    def bucket(self, name):
        self.system().create_dir(name)
        return name

    def ask(self, path, body=b""):
        with urlopen(
            Request(f"http://127.0.0.1:{self.port}/{path}", data=body, headers={"Content-Type": "text/plain"})
        ):
            pass

    def locked(self):
        """Make keys of a new user, and from now on let nobody in without such; return them."""
        where = {"endpoint_url": f"http://127.0.0.1:{self.port}", "region_name": "us-east-1"}
        iam = boto3.client("iam", aws_access_key_id="key", aws_secret_access_key="hunter2secret", **where)
        allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.create_user(UserName="worker")
        iam.put_user_policy(UserName="worker", PolicyName="all", PolicyDocument=policy)
        keys = iam.create_access_key(UserName="worker")["AccessKey"]
        self.ask("moto-api/reset-auth", b"0")
        return keys["AccessKeyId"], keys["SecretAccessKey"]

    def stop(self):
        self._process.kill()
        self._process.wait(timeout=10)


class Line:
    """Hands connections on to a port, counts what was asked, and can be cut and mended."""

    def __init__(self, target):
        self._target = target
        self.requests = []
        self.port = 0
        self.mend()

    def mend(self):
        self._open = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._open.getsockname()[1]
        self._ends = []
        threading.Thread(target=self._accept, args=(self._open,), daemon=True).start()

    def cut(self):
        with suppress(OSError):
            self._open.shutdown(socket.SHUT_RDWR)
        self._open.close()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self, listening):
        while True:
            try:
                here, _ = listening.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._ends += [here, there]
            for one, other, kept in ((here, there, self.requests), (there, here, None)):
                threading.Thread(target=self._hand_on, args=(one, other, kept), daemon=True).start()

    def _hand_on(self, one, other, kept):
        with suppress(OSError):
            while data := one.recv(1 << 16):
                if kept is not None and data.split(b" ", 1)[0] in {
                    b"GET",
                    b"PUT",
                    b"HEAD",
                    b"POST",
                    b"DELETE",
                }:
                    head = data.split(b"\r\n\r\n", 1)[0].decode("latin-1").splitlines()
                    ranges = [line for line in head if line.lower().startswith("range:")]
                    kept.append(" ".join([*head[0].split(" ")[:2], *ranges]))
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
