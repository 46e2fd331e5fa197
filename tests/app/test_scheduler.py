import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

from mirante.app.scheduler import Scheduler, Task, in_thread

FAST = timedelta(milliseconds=20)


def run_for(scheduler, seconds, **options):
    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await scheduler.run(stop, **options)

    asyncio.run(main())


def test_a_failing_task_is_counted_and_stops_no_other():
    seen = []

    def fails(now):
        raise ValueError("no luck")

    scheduler = Scheduler([Task("bad", FAST, fails), Task("good", FAST, seen.append)])
    run_for(scheduler, 0.3)
    assert len(seen) >= 3
    assert scheduler.states["bad"].failures == scheduler.states["bad"].runs >= 3
    assert scheduler.states["bad"].error == "ValueError: no luck"
    assert scheduler.states["good"].failures == 0
    assert scheduler.states["good"].last_success is not None


def test_a_task_never_overlaps_itself_and_missed_slots_are_skipped():
    active, most, starts = 0, 0, []
    lock = threading.Lock()

    def slow(now):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
            starts.append(time.monotonic())
        time.sleep(0.1)
        with lock:
            active -= 1

    run_for(Scheduler([Task("slow", FAST, slow)]), 0.55)
    assert most == 1
    assert len(starts) <= 6  # 27 slots went by


def test_a_hung_task_does_not_hold_the_stop():
    released = threading.Event()
    began = time.monotonic()
    run_for(Scheduler([Task("hung", FAST, lambda now: released.wait(30))]), 0.1, grace=0.2)
    assert time.monotonic() - began < 5
    released.set()


def test_a_failure_is_cleared_by_the_next_success():
    calls = []

    def flaky(now):
        calls.append(now)
        if len(calls) == 1:
            raise OSError("away")

    scheduler = Scheduler([Task("flaky", FAST, flaky)])
    run_for(scheduler, 0.2)
    state = scheduler.states["flaky"]
    assert (state.failures, state.error) == (1, "")


def test_in_thread_hands_results_and_errors_on():
    async def main():
        assert await in_thread(max, 1, 2) == 2
        try:
            await in_thread(int, "x")
        except ValueError as error:
            return str(error)
        return None

    assert "invalid literal" in asyncio.run(main())


def test_a_task_may_join_while_others_run():
    joined = []
    scheduler = Scheduler([])

    def first(now):
        if "second" not in scheduler.states:
            scheduler.add(Task("second", FAST, joined.append))

    scheduler.add(Task("first", FAST, first))
    run_for(scheduler, 0.3)
    assert len(joined) >= 2


def test_tasks_are_due_by_the_seconds_that_are_given():
    present, seen = 0.0, []

    async def pause(stop, seconds):
        nonlocal present
        present += seconds
        if len(seen) == 3:
            stop.set()

    def slow(now):
        nonlocal present
        seen.append(present)
        present += 700.0 if len(seen) == 2 else 5.0  # the second run goes on beyond the third's time

    scheduler = Scheduler([Task("slow", timedelta(minutes=10), slow)], monotonic=lambda: present, pause=pause)
    asyncio.run(asyncio.wait_for(scheduler.run(asyncio.Event()), 20))
    assert seen == [0.0, 600.0, 1300.0]
    assert scheduler.states["slow"].seconds == 5.0


def test_tasks_that_fail_or_never_end_are_named():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    scheduler = Scheduler(
        [Task(name, timedelta(minutes=1), print) for name in ("good", "bad", "hung", "new")]
    )
    scheduler.states["good"].last_success = scheduler.states["bad"].last_success = start + timedelta(hours=1)
    scheduler.states["bad"].error = "no luck"
    assert scheduler.failing(start + timedelta(minutes=8), start) == ["bad"]
    scheduler.states["new"].last_success = start + timedelta(minutes=5)
    assert scheduler.failing(start + timedelta(minutes=9), start) == ["bad", "hung"]


def test_nothing_runs_while_it_may_not_and_what_was_due_is_skipped():
    seen, allowed = [], []
    scheduler = Scheduler([Task("good", FAST, seen.append)], may_run=lambda: bool(allowed))
    run_for(scheduler, 0.1)
    assert seen == []
    assert scheduler.states["good"].runs == 0
    allowed.append(1)
    run_for(scheduler, 0.1)
    assert 1 <= len(seen) <= 7
