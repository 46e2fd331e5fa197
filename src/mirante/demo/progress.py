"""Progress of long work: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from typing import TextIO

__all__ = ["Progress"]

_WIDTH = 28
_EVERY = 0.1


class Progress:
    r"""Says what is being done.

    Parameters
    ----------
    stream : TextIO, optional
        Where to; standard error by default, so that standard output stays clean.
    bar : bool, optional
        Whether to draw a bar in place; by default when the stream is a terminal.

    Examples
    --------
    >>> import io
    >>> out = io.StringIO()
    >>> progress = Progress(out, bar=False)
    >>> progress.say("training")
    >>> out.getvalue().endswith("training\n")
    True
    """

    def __init__(self, stream: TextIO | None = None, *, bar: bool | None = None) -> None:
        self.stream = sys.stderr if stream is None else stream
        self._bar = self.stream.isatty() if bar is None else bar
        self._began = time.monotonic()
        self._drawn = 0.0
        self._on_line = False
        self._tenth = -1

    def say(self, text: str) -> None:
        """Write one line, with the seconds since the start.

        Parameters
        ----------
        text : str
            The line.
        """
        self.clear()
        self.stream.write(f"[{time.monotonic() - self._began:5.1f} s] {text}\n")
        self.stream.flush()

    def step(self, done: int, total: int, text: str) -> None:
        """Say how far the work is: the bar moves, or a line is written at each tenth.

        Parameters
        ----------
        done, total : int
            Units of work.
        text : str
            Where it is at.
        """
        if not self._bar:
            tenth = done * 10 // max(total, 1)
            if tenth > self._tenth:
                self._tenth = tenth
                self.say(f"{done} of {total}: {text}")
            return
        if done < total and time.monotonic() - self._drawn < _EVERY:
            return
        self._drawn = time.monotonic()
        filled = _WIDTH * done // max(total, 1)
        self.stream.write(f"\r\x1b[K[{'#' * filled}{'.' * (_WIDTH - filled)}] {done}/{total} {text}")
        self.stream.flush()
        self._on_line = True
        if done >= total:
            self.stream.write("\n")
            self._on_line = False

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write foreign text, such as a notice, where the bar was.

        Parameters
        ----------
        text : str
            Whole lines.

        Returns
        -------
        int
            Characters written.
        """
        self.clear()
        return self.stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def clear(self) -> None:
        """Take the bar off the line, so that something else can be written."""
        if self._on_line:
            self.stream.write("\r\x1b[K")
            self._on_line = False
