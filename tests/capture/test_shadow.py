"""The model beside: asked in order with the same ids, and whatever happens to it, nobody waits for it."""

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mirante.capture.intake import Exchange
from mirante.capture.shadow import Shadow


def exchange(number, size=2):
    return Exchange(f"r{number}", 0.0, 0.001, 200, "text/csv", [b"x" * (size - 1), b"y"], [b"{}"])


@pytest.fixture
def beside():
    """A server that keeps what it is asked, and answers as it is told."""
    asked, status, pause = [], [200], [0.0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["X-Request-Id"], self.headers["Content-Type"], body))
            time.sleep(pause[0])
            self.send_response(status[0])
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_address[1], asked, status, pause
    server.shutdown()
    server.server_close()
    thread.join()


def test_it_is_asked_the_same_in_order_with_the_same_ids(beside):
    port, asked, _, _ = beside
    counted = Counter()
    shadow = Shadow(port, lambda result: counted.update([result]))
    assert all(shadow.put(exchange(number)) for number in range(50))
    shadow.close(patience=30)
    assert asked == [("/invocations", f"r{number}", "text/csv", b"xy") for number in range(50)]
    assert counted == {"sent": 50}
    assert not shadow.put(exchange(51)), "it is closed"


def test_what_it_refuses_is_counted_and_the_next_is_asked(beside):
    port, asked, status, _ = beside
    counted = Counter()
    shadow = Shadow(port, lambda result: counted.update([result]))
    status[0] = 400
    shadow.put(exchange(1))
    deadline = time.monotonic() + 10
    while not counted and time.monotonic() < deadline:
        time.sleep(0.01)
    status[0] = 200
    shadow.put(exchange(2))
    shadow.close(patience=30)
    assert (len(asked), counted) == (2, {"failed": 1, "sent": 1})


def test_one_that_is_too_slow_costs_bounded_memory_and_nobody_waits(beside):
    port, asked, _, pause = beside
    pause[0] = 0.2
    counted = Counter()
    shadow = Shadow(port, lambda result: counted.update([result]), max_bytes=5_000)
    began = time.perf_counter()
    taken = sum(shadow.put(exchange(number, 500)) for number in range(2_000))
    assert time.perf_counter() - began < 1.0
    assert taken <= 6
    assert counted["dropped"] == 2_000 - taken
    began = time.monotonic()
    shadow.close(patience=0.3)
    assert time.monotonic() - began < 1.5
    assert len(asked) <= taken
    time.sleep(0.3)  # the request that is under way ends by itself


def test_one_that_is_not_there_is_tried_again(beside, free_port):
    counted = Counter()
    shadow = Shadow(free_port, lambda result: counted.update([result]))
    shadow.put(exchange(1))
    shadow.put(exchange(2))
    shadow.close(patience=30)
    assert counted == {"failed": 2}


def test_when_the_process_that_posts_is_lost_another_one_goes_on(beside):
    port, asked, _, pause = beside
    counted = Counter()
    shadow = Shadow(port, lambda result: counted.update([result]))
    pause[0] = 0.5
    shadow.put(exchange(1))
    deadline = time.monotonic() + 30
    while not asked and time.monotonic() < deadline:
        time.sleep(0.01)
    shadow._relay.kill()
    while not counted and time.monotonic() < deadline:
        time.sleep(0.01)
    pause[0] = 0.0
    shadow.put(exchange(2))
    shadow.close(patience=30)
    assert [name for _, name, _, _ in asked] == ["r1", "r2"]
    assert counted == {"failed": 1, "sent": 1}


def test_no_process_is_left_when_it_is_closed_in_the_middle(beside):
    port, asked, _, pause = beside
    counted = Counter()
    pause[0] = 0.5
    shadow = Shadow(port, lambda result: counted.update([result]))
    for number in range(5):
        shadow.put(exchange(number))
    deadline = time.monotonic() + 30
    while not asked and time.monotonic() < deadline:
        time.sleep(0.01)
    relay = shadow._relay
    shadow.close(patience=0.1)
    assert relay.wait(5) != 0, "it was ended by force"
    assert sum(counted.values()) == 5, "each of them is accounted for"
    time.sleep(0.5)  # the request that is under way ends by itself


def test_one_that_was_never_asked_closes_at_once():
    Shadow(9, lambda _: None).close()
