"""What the demonstration shows of its notices."""

from __future__ import annotations

import asyncio
import io
from typing import TextIO, cast

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.console import ConsoleChannel
from mirante.demo.notices import ShortNotices
from mirante.demo.progress import Progress


def test_the_first_notice_is_whole_and_of_others_the_title_alone():
    out = io.StringIO()
    channel = ConsoleChannel(cast(TextIO, ShortNotices(out, "The rest is elsewhere.")))
    for number in range(4):
        alert = NoticeAlert("firing", f"summary {number}", {"host": "web-1"}, 97.0)
        asyncio.run(
            channel.deliver(Notice(f"{number}", "first_firing", "critical", f"Title {number}", (alert,)))
        )
    lines = out.getvalue().splitlines()
    assert lines[0] == "[critical] Title 0"
    assert "    Value: 97" in lines
    at = lines.index("The rest is elsewhere.")
    assert lines[at + 1 :] == [f"[critical] Title {number}" for number in (1, 2, 3)]


def test_it_stands_where_the_bar_was():
    out = io.StringIO()
    progress = Progress(out, bar=True)
    short = ShortNotices(cast(TextIO, progress), "-")
    progress.step(1, 2, "half")
    assert short.write("[info] a\n  b\n") == 13
    short.flush()
    assert short.encoding == "utf-8"
    assert out.getvalue().endswith("\r\x1b[K[info] a\n  b\n-\n")
