"""Silences, mute times, and the words for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.dispatch.holds import Hold, held_text, muted, silenced
from mirante.alerts.dispatch.muting import MuteTime, parse_times
from mirante.alerts.people.silencing import Holding
from mirante.store import SilenceRow

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(start: int, end: int, **matchers: str) -> SilenceRow:
    return SilenceRow(f"{start}-{end}", matchers, NOW + start * HOUR, NOW + end * HOUR, "ana", "why", NOW)


def test_a_silence_holds_from_its_start_to_just_before_its_end() -> None:
    rows = [silence(1, 2, host="~web-.*")]
    held = [silenced({"host": "web-1"}, Holding(rows, NOW + hours * HOUR)) for hours in (0.99, 1, 1.99, 2)]
    assert [hold is not None for hold in held] == [False, True, True, False]
    assert held[1] == Hold("silenced", "1-2", "ana", NOW + 2 * HOUR)
    assert silenced({"host": "db-1"}, Holding(rows, NOW + HOUR)) is None


def test_a_silence_with_broken_matchers_holds_nothing_back() -> None:
    holding = Holding([silence(0, 1, host="~("), silence(0, 2, host="a")], NOW)
    assert silenced({"host": "b"}, holding) is None
    assert silenced({"host": "a"}, holding) is not None


def test_one_of_the_times_of_a_mute_time_is_enough() -> None:
    times = {"quiet": (MuteTime(parse_times(["22:00-23:00"])), MuteTime(parse_times(["00:00-01:00"])))}
    assert muted(["quiet"], times, NOW) == Hold("muted", "quiet", "quiet", NOW + HOUR)
    assert muted(["quiet"], times, NOW + HOUR) is None
    assert muted([], times, NOW) is None


@pytest.mark.parametrize(
    ("hold", "en", "pt"),
    [
        (
            Hold("silenced", "1", "ana\r\n", NOW),
            "Not sent: silenced by ana until 2026-11-25 00:00 UTC.",
            "Não enviado: silenciado por ana até 2026-11-25 00:00 UTC.",
        ),
        (
            Hold("muted", "nights", "nights"),
            "Not sent: it is a mute time (nights) until ….",
            "Não enviado: é um horário sem notificações (nights) até ….",
        ),
        (
            Hold("inhibited", "1f", "silent_host"),
            "Not sent: it follows from another alert (silent_host).",
            "Não enviado: decorre de outro alerta (silent_host).",
        ),
    ],
)
def test_the_words(hold: Hold, en: str, pt: str) -> None:
    assert held_text(hold, "en") == en
    assert held_text(hold, "pt_BR") == pt
