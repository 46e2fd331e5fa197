"""The process that posts: what it is given, what it tells, and that it ends with who asks."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mirante.capture.intake import Exchange
from mirante.capture.relay import packed


@pytest.fixture
def answering():
    """A server that keeps what it is asked, and refuses what has no body."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["X-Request-Id"], self.headers["Content-Type"], body))
            self.send_response(200 if body else 400)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()
    thread.join()


def exchange(name, kind="text/csv", body=(b"a\n", b"1")):
    return Exchange(name, 0.0, 0.001, 200, kind, list(body), [])


def relay(port, given):
    command = [sys.executable, "-m", "mirante.capture.relay", str(port), "/invocations", "5"]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=True)


def test_it_tells_of_each_request_in_order(answering):
    port, asked = answering
    given = packed([exchange("r1"), exchange("r2", kind="")]) + packed([exchange("refused", body=[])])
    done = relay(port, given)
    assert (done.stdout, done.stderr) == (b"ssf", b"")
    assert asked == [
        ("/invocations", "r1", "text/csv", b"a\n1"),
        ("/invocations", "r2", "application/json", b"a\n1"),
        ("/invocations", "refused", "text/csv", b""),
    ]


def test_a_header_that_is_none_fails_alone(answering):
    port, asked = answering
    done = relay(port, packed([exchange("r1", kind="text/csv\r\nx: y"), exchange("r2")]))
    assert (done.stdout, len(asked)) == (b"fs", 1)


def test_nobody_there_is_a_failure(free_port):
    assert relay(free_port, packed([exchange("r1"), exchange("r2")])).stdout == b"ff"


@pytest.mark.parametrize("cut", [2, 9, 17])
def test_it_ends_silently_when_its_input_ends_in_the_middle(free_port, cut):
    done = relay(free_port, packed([exchange("r1")])[:cut])
    assert (done.stdout, done.stderr) == (b"", b"")
