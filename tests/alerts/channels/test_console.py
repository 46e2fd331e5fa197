"""Lines on a stream."""

from __future__ import annotations

import asyncio
import io

import pytest

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.console import ConsoleChannel
from mirante.errors import DeliveryError

NOTICE = Notice("1", "first_firing", "critical", "Alerta Crítico: x", (NoticeAlert("firing", "a\x1b[31mb"),))


def write(stream: io.TextIOBase) -> None:
    asyncio.run(ConsoleChannel(stream).deliver(NOTICE))  # type: ignore[arg-type]  # any text stream will do


def test_lines() -> None:
    stream = io.StringIO()
    write(stream)
    assert stream.getvalue().splitlines()[0] == "[critical] Alerta Crítico: x"
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().endswith("\n")


def test_a_stream_that_knows_ascii_only() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    write(stream)
    assert b"Alerta Cr?tico" in raw.getvalue()


def test_a_closed_stream_is_a_delivery_error() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(DeliveryError) as caught:
        write(stream)
    assert caught.value.retry is True
