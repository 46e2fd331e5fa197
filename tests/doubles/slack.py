"""A double of Slack's incoming webhooks over real HTTP, with every way in which one can go wrong."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATH = "/services/T00000000/B00000000/secretsecretsecretsecret"


@dataclass
class Answer:
    """What the double does with one request."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "plain"  # plain, hang, drip, endless, reset
    seconds: float = 0.0  # from the request to the answer


@dataclass
class Request:
    """What the double was sent."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class SlackDouble:
    """Answers with `script`, one by one, then as Slack would: ``ok``, or 400 for what breaks its limits."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.always: Answer | None = None
        self.requests: list[Request] = []
        self.bytes_sent = 0
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def close(self) -> None:
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read(connection)
                self.requests.append(request)
                answer = self.script.pop(0) if self.script else self.always or _as_slack(request)
                self._stop.wait(answer.seconds)
                _WAYS[answer.kind](self, connection, answer)
            except (OSError, ValueError):
                return

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.bytes_sent += len(data)

    def plain(self, connection: socket.socket, answer: Answer) -> None:
        self.send(connection, _head(answer, len(answer.body)) + answer.body)

    def hang(self, connection: socket.socket, answer: Answer) -> None:
        self._stop.wait(60)

    def drip(self, connection: socket.socket, answer: Answer) -> None:
        self.send(connection, _head(answer, 1000))
        while not self._stop.wait(0.1):
            self.send(connection, b"o")

    def endless(self, connection: socket.socket, answer: Answer) -> None:
        size = 1024**3
        self.send(connection, _head(answer, size))
        piece = b"x" * 65536
        for _ in range(size // len(piece)):
            self.send(connection, piece)

    def reset(self, connection: socket.socket, answer: Answer) -> None:
        self.send(connection, _head(answer, 100)[:-10])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


_WAYS: dict[str, Callable[[SlackDouble, socket.socket, Answer], None]] = {
    "plain": SlackDouble.plain,
    "hang": SlackDouble.hang,
    "drip": SlackDouble.drip,
    "endless": SlackDouble.endless,
    "reset": SlackDouble.reset,
}


def _head(answer: Answer, length: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} X", "Content-Type: text/html", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _read(connection: socket.socket) -> Request:
    connection.settimeout(30)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or _gone()
    head, _sep, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, _colon, v in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536) or _gone()
    return Request(time.monotonic(), first.split(" ")[1], headers, body)


def _gone() -> bytes:
    raise ValueError("the client went away")


def _as_slack(request: Request) -> Answer:
    """Judge a message as Slack's documentation does."""
    try:
        message = json.loads(request.body)
    except ValueError:
        return Answer(400, b"invalid_payload")
    if not message.get("text"):
        return Answer(400, b"no_text")
    blocks = message.get("blocks", [])
    if len(blocks) > 50 or len(message["text"]) > 40_000 or not all(map(_fits, blocks)):
        return Answer(400, b"invalid_blocks")
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_100:  # slackapi/bolt-js#2509
        return Answer(400, b"msg_blocks_too_long")
    return Answer()


def _fits(block: dict) -> bool:
    limit = {"header": 150, "section": 3000, "context": 3000}[block["type"]]
    texts = block["elements"] if block["type"] == "context" else [block["text"]]
    return all(0 < len(text["text"]) <= limit for text in texts)


@contextmanager
def slack_double() -> Iterator[SlackDouble]:
    """Run a double until the block ends."""
    double = SlackDouble()
    try:
        yield double
    finally:
        double.close()
