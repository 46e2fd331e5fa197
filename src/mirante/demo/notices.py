"""What the demonstration shows of its notices: the first as a console gets it, then a line for each."""

from __future__ import annotations

from typing import TextIO

__all__ = ["ShortNotices"]


class ShortNotices:
    r"""A stream for the console's channel: the first notice whole, of all others the title.

    Parameters
    ----------
    stream : TextIO
        Where to.
    rest : str
        Said after the first one: where the others can be read.

    Examples
    --------
    >>> import io
    >>> out = io.StringIO()
    >>> short = ShortNotices(out, "The others in short.")
    >>> for name in ("a", "b"):
    ...     _ = short.write(f"[warning] {name}\n  Value: 1\n")
    >>> print(out.getvalue(), end="")
    [warning] a
      Value: 1
    The others in short.
    [warning] b
    """

    def __init__(self, stream: TextIO, rest: str) -> None:
        self._stream = stream
        self._rest = rest
        self._told = 0

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a notice, whole or in short.

        Parameters
        ----------
        text : str
            Its title on the first line, then its body.

        Returns
        -------
        int
            Characters that were taken.
        """
        shown = text.partition("\n")[0] if self._told else f"{text.rstrip()}\n{self._rest}"
        self._told += 1
        self._stream.write(f"{shown}\n")
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
