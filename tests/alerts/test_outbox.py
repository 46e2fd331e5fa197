"""The outbox over a real store and real channels: deadlines, retries, isolation, nothing lost."""

from __future__ import annotations

import asyncio
import io
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.channels.slack import SlackChannel
from mirante.alerts.outbox import Attempt, Outbox
from mirante.errors import DeliveryError, StoreError
from mirante.store import NoticeRow, Store
from tests.doubles.slack import Answer, SlackDouble

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Scripted:
    """A channel that does what it is told: an exception to raise, or seconds to take."""

    def __init__(self, *script: Exception | float, always: Exception | float = 0.0) -> None:
        self.script, self.always = list(script), always
        self.got: list[str] = []
        self.tried: list[str] = []

    async def deliver(self, notice: Notice) -> None:
        self.tried.append(notice.id)
        what = self.script.pop(0) if self.script else self.always
        if isinstance(what, Exception):
            raise what
        await asyncio.sleep(what)
        self.got.append(notice.id)


AGAIN = DeliveryError("500 later", retry=True)
NEVER = DeliveryError("400 never", retry=False)


def owe(store: Store, channel: str, id_: str, at: datetime = NOW, reason: str = "first_firing") -> None:
    notice = Notice(id_, reason, "warning", f"Warning: {id_}", (NoticeAlert("firing", id_),), created_at=at)
    store.outbox.add(NoticeRow(id_, channel, reason, at, at, payload=notice.payload()))


def outbox(store: Store, jitter: float = 1.0, **more: object) -> Outbox:
    channels = more.pop("channels")
    return Outbox(store, channels, jitter=lambda: jitter, **more)  # type: ignore[arg-type]  # a mapping


def once(box: Outbox, now: datetime = NOW) -> list[tuple[str, str]]:
    return [(a.notice_id, a.outcome) for a in asyncio.run(box.run_once(now))]


def row(store: Store, id_: str) -> NoticeRow:
    return next(r for r in store.outbox.list() if r.id == id_)


def test_a_notice_is_delivered_once(store: Store) -> None:
    stream = io.StringIO()
    owe(store, "console", "a")
    box = outbox(store, channels={"console": ConsoleChannel(stream)})
    assert once(box) == [("a", "delivered")]
    assert once(box) == []
    assert stream.getvalue().count("Warning: a") == 1
    assert (row(store, "a").status, store.outbox.owed()) == ("delivered", 0)


def test_backoff_grows_with_full_jitter_to_a_cap(store: Store) -> None:
    channel = Scripted(always=AGAIN)
    owe(store, "c", "a")
    box = outbox(store, 0.5, channels={"c": channel})
    now, waits = NOW, []
    for _ in range(9):
        assert once(box, now) == [("a", "retry")]
        waits.append(round((row(store, "a").next_at - now).total_seconds()))
        assert once(box, now) == []  # not due yet
        now = row(store, "a").next_at
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]  # half of 2, 4, 8 ... 60
    assert row(store, "a").error == "500 later"


def test_retry_after_is_honoured(store: Store, slack: SlackDouble) -> None:
    slack.script = [Answer(429, b"", {"Retry-After": "30"})]
    owe(store, "slack", "a")
    owe(store, "slack", "b")
    box = outbox(store, channels={"slack": SlackChannel(SecretStr(slack.url), interval=0)})
    assert once(box) == [("a", "retry")]
    assert len(slack.requests) == 1  # the second waits too: the whole channel was asked to
    assert once(box, NOW + 29 * SECOND) == []
    assert sorted(once(box, NOW + 31 * SECOND)) == [("a", "delivered"), ("b", "delivered")]


def test_what_is_final_is_dead_at_once_and_the_others_are_told(store: Store) -> None:
    bad, good = Scripted(always=NEVER), Scripted()
    owe(store, "bad", "a")
    owe(store, "bad", "b")
    box = outbox(store, channels={"bad": bad, "good": good})
    assert sorted(once(box)) == [("a", "dead"), ("b", "dead")]
    assert row(store, "a").status == "dead"
    news = [r for r in store.outbox.list() if r.reason == "channel_failed"]
    assert [r.channel for r in news] == ["good"]  # once an hour, not once a notice
    assert "400 never" in str(news[0].payload)
    assert "Warning: a" in str(news[0].payload)
    assert len(once(box, NOW + SECOND)) == 1
    assert good.got == [news[0].id]


def test_bad_news_about_bad_news_end(store: Store) -> None:
    owe(store, "x", "a")
    box = outbox(store, channels={"x": Scripted(always=NEVER), "y": Scripted(always=NEVER)})
    for second in range(5):
        once(box, NOW + second * SECOND)
    assert len(store.outbox.list()) == 2
    assert store.outbox.owed() == 0


def test_it_gives_up_after_a_day_and_says_so(store: Store) -> None:
    good = Scripted()
    owe(store, "bad", "a")
    box = outbox(store, channels={"bad": Scripted(always=AGAIN), "good": good})
    for hour in range(19, 24):
        assert once(box, NOW + timedelta(hours=hour)) == [("a", "retry")]
    assert once(box, NOW + timedelta(hours=25)) == [("a", "dead")]
    assert row(store, "a").error == "given up after 1 day, 0:00:00: 500 later"
    once(box, NOW + timedelta(hours=26))
    assert len(good.got) == 1


def test_one_that_is_old_already_is_tried_some_times(store: Store) -> None:
    owe(store, "bad", "a")
    box = outbox(store, channels={"bad": Scripted(always=AGAIN)})
    monday = NOW + timedelta(days=3)
    tries = [once(box, monday + number * timedelta(minutes=2)) for number in range(5)]
    assert tries == [[("a", "retry")]] * 4 + [[("a", "dead")]]


def test_a_hanging_channel_ends_at_the_deadline_and_blocks_nobody(store: Store) -> None:
    dead, good = Scripted(always=60.0), Scripted()
    for index in range(60):
        owe(store, "dead", f"d{index:02}")
    for index in range(20):
        owe(store, "good", f"g{index:02}")
    box = outbox(store, channels={"dead": dead, "good": good}, deadline=0.5)
    start = time.monotonic()
    attempts = asyncio.run(box.run_once(NOW))
    assert time.monotonic() - start < 3
    assert len(good.got) == 20
    assert max(a.seconds for a in attempts if a.channel == "good") < 0.4
    assert len(dead.tried) == 1  # one probe; the other 59 wait without being tried
    assert store.outbox.owed() == 60


def test_what_a_dead_channel_owes_is_left_alone_until_it_answers(store: Store) -> None:
    channel = Scripted(AGAIN, AGAIN, AGAIN)
    for index in range(120):
        owe(store, "c", f"n{index:03}")
    box = outbox(store, channels={"c": channel})
    now = NOW
    for _ in range(3):
        assert [outcome for _, outcome in once(box, now)] == ["retry"]
        now += timedelta(minutes=1)
    claims = sum(row.attempts for row in store.outbox.list())
    assert claims == 120 + 1 + 1, "all were taken once; then one at a time, to see how it fares"
    assert len(once(box, now)) == 120
    assert sorted(channel.got) == [f"n{index:03}" for index in range(120)]


def test_run_delivers_beside_a_channel_that_hangs_and_one_notice_at_a_time_to_it(store: Store) -> None:
    """What makes a healthy channel quick is that nothing of it waits for another; no time is measured."""
    hung, release = asyncio.Event(), asyncio.Event()

    class Hanging(Scripted):
        async def deliver(self, notice: Notice) -> None:
            self.tried.append(notice.id)
            hung.set()
            await release.wait()

    dead, good = Hanging(), Scripted()

    async def service() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Outbox(store, {"dead": dead, "good": good}).run(stop, every=0.01))
        for index in range(20):
            owe(store, "dead", f"d{index:02}", datetime.now(UTC))
        await hung.wait()
        for index in range(20):
            owe(store, "good", f"g{index:02}", datetime.now(UTC))
        while len(good.got) < 20:
            await asyncio.sleep(0.01)
        assert len(dead.tried) == 1, "it hangs still"
        release.set()
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(service(), 30))
    assert good.got == [f"g{index:02}" for index in range(20)]


def test_one_notice_that_always_fails_does_not_block_its_channel(store: Store) -> None:
    class Picky(Scripted):
        async def deliver(self, notice: Notice) -> None:
            self.always = AGAIN if notice.id == "a" else 0.0
            await super().deliver(notice)

    channel = Picky()
    for name in "abc":
        owe(store, "c", name)
    box = outbox(store, channels={"c": channel})
    now = NOW
    for _ in range(4):
        once(box, now)
        now = max(r.next_at for r in store.outbox.list())
    assert channel.got == ["b", "c"]


def test_a_fault_in_a_channel_is_its_own_and_shows_no_secret(store: Store) -> None:
    owe(store, "broken", "a")
    owe(store, "good", "b")
    good = Scripted()
    box = outbox(store, channels={"broken": Scripted(always=ValueError("token=hunter2")), "good": good})
    assert ("a", "dead") in once(box)
    assert good.got[0] == "b"
    assert row(store, "a").error == "broken failed with ValueError"


def test_a_channel_that_is_not_in_the_config_is_told(store: Store) -> None:
    owe(store, "gone", "a")
    assert once(outbox(store, channels={"c": Scripted()})) == [("a", "dead")]
    assert "'gone'" in str(row(store, "a").error)


def test_after_a_crash_the_same_notice_goes_out_again_with_its_id(store: Store) -> None:
    owe(store, "c", "a")
    store.outbox.claim(NOW, owner="killed", lease=60.0)
    channel = Scripted()
    box = outbox(store, channels={"c": channel})
    assert once(box, NOW + 59 * SECOND) == []
    assert once(box, NOW + 61 * SECOND) == [("a", "delivered")]
    assert channel.got == ["a"]


def test_what_was_taken_and_waited_too_long_is_left_to_who_takes_it_next(store: Store) -> None:
    channel = Scripted(AGAIN)
    box = outbox(store, channels={"c": channel})
    owe(store, "c", "a")
    once(box)  # the channel rests for two seconds
    owe(store, "c", "b")
    waited = store.outbox.claim(NOW, owner=box._owner, lease=60.0)
    box._sort(waited)
    box._lanes["c"].paused_until, box._lanes["c"].pause = NOW + 120 * SECOND, 120 * SECOND
    assert once(box, NOW + 51 * SECOND) == []
    assert row(store, "b").status == "sending"  # a copy of it may be claimed again: not given back twice
    assert sorted(once(box, NOW + 121 * SECOND)) == [("a", "delivered"), ("b", "delivered")]
    assert sorted(channel.got) == ["a", "b"]


@pytest.fixture
def store_in_memory(tmp_path: Path) -> Iterator[Store]:
    """A store whose thousands of commits wait for no disk, where the system has such a place."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as folder, Store(f"sqlite:///{folder}/mirante.db") as opened:
        yield opened


def test_nothing_is_lost_of_a_thousand_while_a_third_of_all_tries_fail(store_in_memory: Store) -> None:
    store = store_in_memory
    dice = random.Random(20130208)

    class Flaky(Scripted):
        async def deliver(self, notice: Notice) -> None:
            self.always = AGAIN if dice.random() < 0.3 else 0.0
            await super().deliver(notice)

    channels = {str(number): Flaky() for number in range(50)}
    for index in range(1_000):
        owe(store, str(index % 50), f"n{index:04}")
    box = outbox(store, channels=channels)
    now = NOW
    while store.outbox.owed():
        once(box, now)
        now += timedelta(minutes=1)
    got = sorted(notice for channel in channels.values() for notice in channel.got)
    assert got == [f"n{index:04}" for index in range(1_000)]


def test_run_delivers_what_comes_and_stops_in_time(store: Store) -> None:
    dead, good = Scripted(always=60.0), Scripted()

    async def service() -> float:
        stop = asyncio.Event()
        box = Outbox(store, {"dead": dead, "good": good})
        task = asyncio.create_task(box.run(stop, every=0.05, grace=0.3))
        now = datetime.now(UTC)
        owe(store, "dead", "d", now)
        for index in range(5):
            owe(store, "good", f"g{index}", datetime.now(UTC))
            await asyncio.sleep(0.05)
        while len(good.got) < 5:
            await asyncio.sleep(0.02)
        start = time.monotonic()
        stop.set()
        await task
        return time.monotonic() - start

    assert asyncio.run(asyncio.wait_for(service(), 20)) < 1.5
    assert good.got == [f"g{index}" for index in range(5)]
    assert row(store, "d").status == "sending"  # its lease ends, then it goes out again


def test_run_outlives_a_store_that_fails_for_a_while(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirante.errors import StoreError

    good, real, calls = Scripted(), store.outbox.claim, []

    def claim(*args: object, **more: object) -> list[NoticeRow]:
        calls.append(1)
        if len(calls) < 3:
            raise StoreError("disk full")
        return real(*args, **more)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(store.outbox, "claim", claim)
    owe(store, "good", "a", datetime.now(UTC))

    async def service() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Outbox(store, {"good": good}).run(stop, every=0.02))
        while not good.got:
            await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(service(), 20))
    assert good.got == ["a"]


@pytest.mark.parametrize("asked", [0.0, -5.0, None])
def test_a_channel_that_asks_for_no_wait_is_not_hammered(store: Store, asked: float | None) -> None:
    owe(store, "c", "a")
    box = outbox(store, channels={"c": Scripted(always=DeliveryError("503", retry=True, retry_after=asked))})
    once(box)
    assert row(store, "a").next_at >= NOW + 2 * SECOND


def test_a_clock_that_is_set_back_does_not_hold_a_channel_for_hours(store: Store) -> None:
    channel = Scripted(AGAIN)
    box = outbox(store, channels={"c": channel})
    owe(store, "c", "a")
    once(box)
    earlier = NOW - timedelta(hours=2)
    owe(store, "c", "b", at=earlier)
    assert once(box, earlier) == [("b", "delivered"), ("a", "delivered")]


def test_a_notice_of_a_later_version_is_delivered(store: Store) -> None:
    good = Scripted()
    payload = Notice("a", "message", "info", "x", (NoticeAlert("firing", "y"),), created_at=NOW).payload()
    payload["colour"], payload["alerts"][0]["shape"] = "red", "round"
    store.outbox.add(NoticeRow("a", "c", "message", NOW, NOW, payload=payload))
    assert once(outbox(store, channels={"c": good})) == [("a", "delivered")]


def test_a_resolver_that_hangs_holds_up_no_other_channel(store: Store) -> None:
    """Names are looked up in the loop's own threads; the outbox writes its verdicts in others."""
    good = Scripted()
    for index in range(5):
        owe(store, "good", f"g{index}")
    box = outbox(store, channels={"good": good})
    release = threading.Event()

    async def main() -> list[Attempt]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        lookup = loop.run_in_executor(None, release.wait)
        try:
            return await asyncio.wait_for(box.run_once(NOW), 10)
        finally:
            release.set()
            await lookup

    assert [attempt.outcome for attempt in asyncio.run(main())] == ["delivered"] * 5


def test_a_store_that_fails_when_a_notice_has_left_does_not_have_it_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(store, "chat", "a", datetime.now(UTC))
    channel = Scripted()
    box = Outbox(store, {"chat": channel})
    real, fails = store.outbox.delivered, [StoreError("the server went away")]

    def delivered(*arguments: object, **more: object) -> bool:
        if fails:
            raise fails.pop()
        return real(*arguments, **more)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(store.outbox, "delivered", delivered)
    run_until(box, lambda: store.outbox.owed() == 0)
    assert channel.tried == ["a"]
    assert row(store, "a").status == "delivered"


def test_what_was_claimed_while_the_store_failed_is_sent_without_waiting_for_its_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(store, "chat", "a", datetime.now(UTC))
    channel = Scripted()
    box = Outbox(store, {"chat": channel})
    real, fails = store.outbox.claim, [StoreError("the server went away")]

    def claim(*arguments: object, **more: object) -> list[NoticeRow]:
        found = real(*arguments, **more)  # type: ignore[arg-type]  # handed on
        if found and fails:
            raise fails.pop()
        return found

    monkeypatch.setattr(store.outbox, "claim", claim)
    run_until(box, lambda: store.outbox.owed() == 0)
    assert channel.tried == ["a"]


def test_nothing_is_sent_while_it_may_not(store: Store) -> None:
    for name in ("a", "b", "c"):
        owe(store, "chat", name)
    answers = iter([True, True, False])
    channel = Scripted()
    box = outbox(store, channels={"chat": channel}, may_send=lambda: next(answers, False))
    once(box)
    assert channel.tried == ["a"]
    assert {row(store, name).status for name in ("b", "c")} == {"sending"}


def run_until(box: Outbox, check: Callable[[], bool]) -> None:
    """Let an outbox run as in the service until something holds."""

    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(box.run(stop, every=0.01))
        async with asyncio.timeout(10):
            while not check():
                await asyncio.sleep(0.01)
        stop.set()
        await running

    asyncio.run(run())
