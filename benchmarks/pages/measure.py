"""Requests to the application in this process: how long the answer takes and how large it is."""

from __future__ import annotations

import asyncio
import gzip
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np

__all__ = ["Figures", "measure"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one page costs: milliseconds of server time and of the processor, and kilobytes of the answer."""

    name: str
    first: float
    p50: float
    p95: float
    cpu: float
    size: float
    packed: float


async def _ask(app: Any, target: str) -> tuple[int, bytes]:
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8765"), (b"accept", b"text/html"), (b"accept-encoding", b"gzip")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765),
    }  # fmt: skip
    sent: list[Any] = []
    asked = False

    async def receive() -> Any:
        nonlocal asked
        if asked:  # the client stays and listens
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def measure(app: Any, name: str, target: str, requests: int) -> Figures:
    """Ask for a page again and again, as a browser does (gzip), and return what it cost.

    Parameters
    ----------
    app : ASGI application
        What answers.
    name : str
        Of the page.
    target : str
        Its address.
    requests : int
        How often, after a first one that is counted apart.
    """

    async def run() -> tuple[list[tuple[float, float]], bytes]:
        taken = []
        for _ in range(requests + 1):
            begin = time.perf_counter(), time.process_time()
            status, body = await _ask(app, target)
            ended = time.perf_counter(), time.process_time()
            taken.append((1000 * (ended[0] - begin[0]), 1000 * (ended[1] - begin[1])))
            if status != 200:
                raise RuntimeError(f"{target} answered {status}: {body[:300]!r}")
        return taken, body

    taken, body = asyncio.run(run())
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    wall, cpu = np.array(taken).T
    p50, p95 = np.quantile(wall[1:], [0.5, 0.95])
    busy = float(np.median(cpu[1:]))
    return Figures(name, wall[0], float(p50), float(p95), busy, len(plain) / 1000, len(body) / 1000)
