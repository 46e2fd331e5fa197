"""Runs tasks at their intervals, each on its own, and keeps count of what fails."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from mirante.errors import LoginRefusedError

__all__ = ["Scheduler", "Task", "TaskState", "in_thread", "pause", "utc_now"]

_OVERDUE = timedelta(minutes=5)
_log = structlog.get_logger("mirante.scheduler")


def utc_now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that is done again and again.

    Parameters
    ----------
    name : str
        Shown in readings and logs.
    interval : timedelta
        From one start to the next; starts that were missed are skipped, not caught up.
    run : callable
        Called with the present in a thread of its own; never twice at the same time.
    """

    name: str
    interval: timedelta
    run: Callable[[datetime], Any]


@dataclass(slots=True)
class TaskState:
    """What is known of a task's runs.

    Parameters
    ----------
    runs, failures : int
        Since the start.
    seconds : float
        Duration of the last run.
    last_success : datetime, optional
        When it last ended well.
    began_at, next_at : datetime, optional
        When its last run began, and when the next is due.
    running : bool
        Whether it is at work now.
    error : str
        Text of the last failure; empty while all is well.
    """

    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    last_success: datetime | None = None
    began_at: datetime | None = None
    next_at: datetime | None = None
    running: bool = False
    error: str = field(default="")


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a blocking function in a daemon thread, so that a hung call never keeps the process alive.

    Parameters
    ----------
    function : callable
        What to run.
    *arguments
        Handed on to it.

    Returns
    -------
    object
        What it returns; what it raises is raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = function(*arguments)
        except Exception as caught:  # handed to the waiter, who decides
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(
        target=work, name=f"mirante-{getattr(function, '__name__', 'task')}", daemon=True
    ).start()
    return await future


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for a time, or until `stop` is set.

    Parameters
    ----------
    stop : asyncio.Event
        Ends the wait.
    seconds : float
        How long.
    """
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), timeout=seconds)


class Scheduler:
    """Runs each task in its own loop: a slow or failing one holds up no other.

    Parameters
    ----------
    tasks : sequence of Task
        What to run.
    clock : callable
        Gives the present.
    monotonic : callable
        Seconds that nobody sets, by which tasks are due.
    pause : callable
        Waits for so many of those seconds, or until an event is set.
    may_run : callable
        Asked before each run; what is due while it says no is skipped.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = pause,
        may_run: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may_run = may_run
        self.states = {task.name: TaskState() for task in tasks}
        self._tasks = list(tasks)
        self._clock, self._monotonic, self._pause = clock, monotonic, pause
        self._start: Callable[[Task], None] | None = None

    def add(self, task: Task) -> None:
        """Run one more task; from any thread, also while running.

        Parameters
        ----------
        task : Task
            With a name that no other task has.
        """
        self.states[task.name] = TaskState()
        self._tasks.append(task)
        if self._start is not None:
            self._start(task)

    @property
    def intervals(self) -> dict[str, timedelta]:
        """From one start of each task to the next."""
        return {task.name: task.interval for task in list(self._tasks)}

    def failing(self, now: datetime, since: datetime) -> list[str]:
        """Return the tasks that do not succeed: the last run failed, or is long overdue.

        Parameters
        ----------
        now : datetime
            The present.
        since : datetime
            The start, from which a task's first success is waited for.

        Returns
        -------
        list of str
            Names.
        """
        names = []
        for task in list(self._tasks):
            state = self.states[task.name]
            overdue = now - (state.last_success or since) > 3 * task.interval + _OVERDUE
            if state.error or overdue:
                names.append(task.name)
        return names

    async def run(self, stop: asyncio.Event, *, grace: float = 1.0) -> None:
        """Run until `stop` is set, then give running tasks `grace` seconds to end.

        Parameters
        ----------
        stop : asyncio.Event
            Ends the loops.
        grace : float
            Seconds; a task that is still at work after them is left behind in its daemon thread.
        """
        running = asyncio.get_running_loop()
        loops: list[asyncio.Task[None]] = []

        def start(task: Task) -> None:
            loops.append(asyncio.create_task(self._loop(task, stop)))

        def start_soon(task: Task) -> None:
            running.call_soon_threadsafe(start, task)

        for task in self._tasks:
            start(task)
        self._start = start_soon
        await stop.wait()
        self._start = None
        if loops:
            _, unfinished = await asyncio.wait(loops, timeout=grace)
            for loop in unfinished:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _loop(self, task: Task, stop: asyncio.Event) -> None:
        interval = max(task.interval.total_seconds(), 0.001)
        due = self._monotonic()
        while not stop.is_set():
            late = self._monotonic() - due
            due += interval * (
                int(late / interval) + 1
            )  # moved before the work, so a failure cannot repeat at once
            self.states[task.name].next_at = self._clock() + timedelta(seconds=due - self._monotonic())
            if self._may_run():
                await self._once(task)
            await self._pause(stop, max(due - self._monotonic(), 0.0))

    async def _once(self, task: Task) -> None:
        state = self.states[task.name]
        started = self._monotonic()
        state.began_at, state.running = self._clock(), True
        try:
            await in_thread(task.run, self._clock())
        except Exception as error:  # isolated: counted, logged once per text, tried again at the next slot
            state.failures += 1
            text = f"{type(error).__name__}: {error}"
            if text != state.error and not self._said(error, text):
                _log.warning("task failed", task=task.name, error=text)
            state.error = text
        else:
            state.last_success = self._clock()
            if state.error:
                _log.info("task works again", task=task.name)
            state.error = ""
        finally:
            state.runs += 1
            state.running = False
            state.seconds = self._monotonic() - started

    def _said(self, error: Exception, text: str) -> bool:
        """Return whether it is the refused login that another task told of: all of them have the same one."""
        return isinstance(error, LoginRefusedError) and any(
            one.error == text for one in list(self.states.values())
        )
