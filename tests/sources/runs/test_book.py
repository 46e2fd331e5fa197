import json
import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mirante.sources.runs import ExperimentBook
from mirante.sources.runs import book as module
from mirante.tracking.runs.changes import MetricSeen, RunSeen

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def run(number, status="RUNNING", *, ended=None, loss=1.0, step=0):
    point = MetricSeen(loss, step, NOW + timedelta(seconds=step))
    return RunSeen(f"r{number}", f"run {number}", "1", status, NOW - HOUR, ended, {"loss": point})


def advance(book, now, live=(), ended=()):
    chosen = {one.id: ["loss"] for one in (*live, *ended)}
    book.advance(now, list(live), list(ended), {"loss": "lower"}, chosen)


@given(st.lists(st.floats(), max_size=6), st.lists(st.sampled_from(["FINISHED", "FAILED"]), max_size=4))
def test_a_book_comes_back_from_plain_json_as_it_was(losses, ends):
    book = ExperimentBook("1", "e")
    book.begin_scan(NOW, {"loss": "lower"})
    for step, loss in enumerate(losses):
        advance(book, NOW + step * HOUR, [run(0, loss=loss, step=step)])
    ended = [run(n + 1, status, ended=NOW + n * HOUR, loss=2.0) for n, status in enumerate(ends)]
    advance(book, NOW + 6 * HOUR, ended=ended)
    text = json.dumps(book.to_json(), allow_nan=False)  # PostgreSQL takes no NaN
    again = ExperimentBook.from_json(json.loads(text))
    assert repr(again) == repr(book)  # NaN is not equal to itself, its text is


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30), st.integers(1, 4))
def test_each_ended_run_is_counted_once_whatever_looks_and_pages_see(events, size):
    """Runs end one after the other while a count of all goes on by pages; a look sees the last two ends."""
    book = ExperimentBook("1", "e")
    before = [run(f"old{n}", "FINISHED", ended=NOW - 2 * HOUR - n * HOUR) for n in range(5)]
    advance(book, NOW)
    book.begin_scan(NOW, {"loss": "lower"})
    everything, done = list(before), []
    for number, (minutes, page) in enumerate(events):
        now = NOW + timedelta(minutes=number * 6 + minutes)
        one = run(number, "FINISHED", ended=now)
        everything.append(one)
        done.append(one)
        advance(book, now, ended=done[-2:])
        if page and book.scan is not None:
            start = int(book.scan.token or 0)
            token = str(start + size) if start + size < len(everything) else None
            book.take_page(everything[start : start + size], token, {"loss": "lower"}, {})
    while book.scan is not None:
        start = int(book.scan.token or 0)
        token = str(start + size) if start + size < len(everything) else None
        book.take_page(everything[start : start + size], token, {"loss": "lower"}, {})
    assert book.counts == {"FINISHED": len(everything)}


def test_only_ends_of_a_day_and_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(module, "_MOST_ENDED", 3)
    book = ExperimentBook("1", "e")
    advance(book, NOW)
    ended = [run(n, "FINISHED", ended=NOW - n * HOUR) for n in range(30)]
    advance(book, NOW + HOUR, ended=ended)
    assert set(book.ended) == {"r0", "r1", "r2"}


def test_a_run_that_logs_nothing_moves_no_more_and_one_that_repeats_a_value_does():
    book = ExperimentBook("1", "e")
    advance(book, NOW, [run(0, step=1)])
    advance(book, NOW + HOUR, [run(0, step=1)])
    assert datetime.fromisoformat(book.live["r0"].moved) < NOW + HOUR
    advance(book, NOW + 2 * HOUR, [run(0, step=2)])
    assert datetime.fromisoformat(book.live["r0"].moved) == NOW + 2 * HOUR


def test_what_is_no_number_is_no_best():
    book = ExperimentBook("1", "e")
    for hour, loss in enumerate((math.nan, math.inf, 3.0, -math.inf, 4.0)):
        advance(book, NOW + hour * HOUR, [run(0, loss=loss, step=hour)])
    assert (book.best["loss"].value, book.live["r0"].marks["loss"].best) == (3.0, 3.0)


def test_a_run_that_is_resumed_has_not_ended():
    book = ExperimentBook("1", "e", counts={})
    advance(book, NOW, [run(0)])
    advance(book, NOW + HOUR, ended=[run(0, "FINISHED", ended=NOW + HOUR)])
    advance(book, NOW + 2 * HOUR, [run(0, step=1)])
    assert (book.counts, book.ended) == ({"FINISHED": 0}, {})
    advance(book, NOW + 3 * HOUR, ended=[run(0, "FAILED", ended=NOW + 3 * HOUR)])
    assert (book.counts, set(book.failed)) == ({"FINISHED": 0, "FAILED": 1}, {"r0"})


def test_a_run_that_was_resumed_and_ended_between_two_looks_has_its_last_end():
    book = ExperimentBook("1", "e", counts={})
    advance(book, NOW)
    advance(book, NOW + HOUR, ended=[run(0, "FAILED", ended=NOW + HOUR)])
    advance(book, NOW + HOUR + MINUTE, ended=[run(0, "FINISHED", ended=NOW + HOUR + MINUTE / 2)])
    assert (book.counts, book.failed) == ({"FAILED": 0, "FINISHED": 1}, {})


def test_a_run_is_not_idle_while_it_logs_what_is_not_followed_and_is_while_the_system_alone_does():
    def seen(step, system):
        own = MetricSeen(1.0, step, NOW + step * MINUTE)
        return RunSeen(
            "r",
            "r",
            "1",
            "RUNNING",
            NOW,
            None,
            {"train": own, "system/cpu": MetricSeen(1.0, system, NOW + system * MINUTE)},
        )

    book = ExperimentBook("1", "e")
    for step in range(3):
        book.advance(NOW + step * MINUTE, [seen(step, 0)], [], {}, {})
    assert datetime.fromisoformat(book.live["r"].moved) == NOW + 2 * MINUTE
    book.advance(NOW + HOUR, [seen(2, 60)], [], {}, {})
    assert datetime.fromisoformat(book.live["r"].moved) == NOW + 2 * MINUTE


def test_a_count_forgets_the_best_of_a_run_that_is_gone():
    book = ExperimentBook("1", "e")
    wrong, right = run(0, "FINISHED", ended=NOW, loss=-99.0), run(1, "FINISHED", ended=NOW, loss=1.0)
    advance(book, NOW, ended=[wrong, right])
    assert book.best["loss"].value == -99.0
    book.begin_scan(NOW + HOUR, {"loss": "lower"})
    book.take_page([right], None, {"loss": "lower"}, {"r1": ["loss"]})
    assert book.best["loss"].value == 1.0


def test_what_ended_longer_than_a_day_ago_is_counted_and_not_asked_for():
    book = ExperimentBook("1", "e", until=NOW.isoformat(), scanned=NOW.isoformat())
    later = NOW + 30 * 24 * HOUR
    assert book.look_from(later) > later - 25 * HOUR
    advance(book, later)
    assert book.scanned is None
    assert book.look_from(NOW) <= NOW  # the clock was set back


def test_a_count_keeps_the_best_that_a_running_run_had():
    book = ExperimentBook("1", "e")
    for step, loss in enumerate((0.5, 2.0)):
        advance(book, NOW + step * MINUTE, [run(0, loss=loss, step=step)])
    book.begin_scan(NOW + HOUR, {"loss": "lower"})
    book.take_page([], None, {}, {})
    assert book.best["loss"].value == 0.5
