"""The console: plain lines to a stream."""

from __future__ import annotations

import sys
from typing import TextIO

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.texts import clean, plain_text
from mirante.errors import DeliveryError

__all__ = ["ConsoleChannel"]


class ConsoleChannel:
    """Writes notices to a stream.

    Parameters
    ----------
    stream : text stream, optional
        Standard output, as it is at the time, when not given.

    Examples
    --------
    >>> import asyncio
    >>> from mirante.alerts.channels.base import NoticeAlert
    >>> alert = NoticeAlert("firing", "CPU at 97%", {"host": "web-1"}, 97.0)
    >>> asyncio.run(ConsoleChannel().deliver(Notice("1f", "message", "critical", "Critical alert", (alert,))))
    [critical] Critical alert
      CPU at 97%
        Value: 97
        Labels: host=web-1
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def deliver(self, notice: Notice) -> None:
        """Write the notice; a stream that is closed or broken is a `DeliveryError`."""
        stream = self._stream if self._stream is not None else sys.stdout
        body = "\n".join(f"  {line}" for line in plain_text(notice).splitlines() if line)
        text = f"[{notice.severity}] {clean(notice.title)}\n{body}{chr(10) if body else ''}"
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError(f"the console cannot be written to: {error}", retry=True) from error
