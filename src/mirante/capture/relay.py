"""The process that posts to a model beside: what is asked comes over its standard input, in batches.

Run by `Shadow` alone: ``python -m mirante.capture.relay PORT PATH TIMEOUT``. It is a process of its own since
posting takes the interpreter for longer than all else that is done about a request, and those who answer wait
for it as long. It imports little, gives way to other processes, and ends with its standard input.
"""

from __future__ import annotations

import http.client
import os
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from mirante.capture.intake import Exchange

__all__ = ["FAILED", "SENT", "main", "packed"]

SENT, FAILED = b"s", b"f"
_COUNT, _SIZES = struct.Struct("<I"), struct.Struct("<III")
_REST = (0.1, 5.0)  # seconds after a failure: the first, and the longest
_TELL = 0.05  # seconds from one word about what was posted to the next, within a batch
_NICE = 10  # as the model beside itself


def packed(exchanges: Sequence[Exchange]) -> bytes:
    r"""Return a batch as it goes to the process: how many, then sizes, id, content type and body of each.

    Parameters
    ----------
    exchanges : sequence of Exchange
        Ids and content types are Latin-1, as HTTP's headers are.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from mirante.capture.intake import Exchange
    >>> packed([Exchange("r1", 0.0, 0.004, 200, "text/csv", [b"a\n", b"1"], [])])[16:]
    b'r1text/csva\n1'
    """
    parts = [_COUNT.pack(len(exchanges))]
    for one in exchanges:
        name, kind, body = one.id.encode("latin-1"), one.kind.encode("latin-1"), b"".join(one.body)
        parts += [_SIZES.pack(len(name), len(kind), len(body)), name, kind, body]
    return b"".join(parts)


class _Poster:
    """Posts one request after the other over a connection that is kept."""

    def __init__(self, port: int, path: str, timeout: float) -> None:
        self._port, self._path, self._timeout = port, path, timeout
        self._connection: http.client.HTTPConnection | None = None

    def post(self, name: str, kind: str, body: bytes) -> bool:
        """Return whether it was answered without an error.

        Raises
        ------
        OSError, http.client.HTTPException
            If there was no answer.
        """
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
            headers = {"Content-Type": kind or "application/json", "X-Request-Id": name}
            self._connection.request("POST", self._path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except BaseException:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            raise
        return answer.status < 300


def main(port: int, path: str, timeout: float, asked: BinaryIO, told: int) -> None:
    """Post what comes until there is no more; a word for each: `SENT` or `FAILED`.

    Parameters
    ----------
    port, path, timeout : int, str, float
        Where the model beside listens at 127.0.0.1, where its predictions are, and seconds for one request.
    asked : binary file
        Batches, as of `packed`.
    told : int
        File descriptor for the words, in the order of the requests.
    """
    poster, rest = _Poster(port, path, timeout), _REST[0]
    while len(head := asked.read(_COUNT.size)) == _COUNT.size:
        said, last = b"", time.monotonic()
        for _ in range(*_COUNT.unpack(head)):
            sizes = _SIZES.unpack(_exactly(asked, _SIZES.size))
            name, kind, body = (_exactly(asked, size) for size in sizes)
            try:
                said += SENT if poster.post(name.decode("latin-1"), kind.decode("latin-1"), body) else FAILED
                rest = _REST[0]
            except ValueError:  # no header can be made of it: nobody else's fault
                said += FAILED
            except (OSError, http.client.HTTPException):
                os.write(told, said + FAILED)  # now: the next one waits
                said, last = b"", time.monotonic()
                time.sleep(rest)
                rest = min(2 * rest, _REST[1])
            if time.monotonic() - last >= _TELL:
                os.write(told, said)
                said, last = b"", time.monotonic()
        os.write(told, said)


def _exactly(asked: BinaryIO, size: int) -> bytes:
    found = asked.read(size)
    if len(found) < size:
        raise EOFError
    return found


if __name__ == "__main__":
    os.nice(_NICE)
    with suppress(BrokenPipeError, EOFError):  # who asks has gone, in the middle of a batch maybe
        main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.stdin.buffer, sys.stdout.fileno())
