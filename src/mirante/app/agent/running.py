"""The agent at work: three tasks, of which none waits for another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog

from mirante import __version__
from mirante.app.agent.centre import AwayError, Centre, RefusedError
from mirante.app.agent.config import AgentConfig
from mirante.app.agent.jobs import Jobs
from mirante.app.agent.spool import Batch, Kind, Spool
from mirante.app.scheduler import Scheduler, Task, utc_now
from mirante.errors import ConfigError, ConflictError
from mirante.inference_log import InferenceLog
from mirante.readings import Reading
from mirante.sources.host import HostSource
from mirante.web.api.agent_models import FORMAT
from mirante.web.security import MOST_BODY

__all__ = ["Agent"]

_log = structlog.get_logger("mirante.agent")
_SENDING = timedelta(seconds=1)  # from one look at the spool to the next
_RETAINED = timedelta(minutes=10)
_LONGEST_PAUSE = 30.0
_TOLD_EVERY = 60.0
_GRACE = 5.0


class Agent:
    """Reads this host, counts windows, spools both, and sends what is in the spool.

    Parameters
    ----------
    config : AgentConfig
        Checked.
    clock : callable
        Gives the present.
    monotonic : callable
        Seconds that nobody sets.

    Raises
    ------
    ConfigError
        If the spool cannot be used, or token or certificates cannot be read.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self._clock, self._monotonic = config, clock, monotonic
        config.secret()  # what is wrong with it is said before anything runs
        self._centre = Centre(config.to, config.secret, ca_file=config.ca_file, clock=clock)
        self.spool = Spool(
            config.spool, max_size=config.max_size, max_age=config.max_age, clock=clock, form=FORMAT
        )
        self._host = HostSource(config.host_name) if config.host else None
        self._jobs = None if config.log is None else Jobs(self._centre, config.log, config.spool / "windows")
        self._trouble: str | None = None  # until the log was looked at
        self._failures = 0
        self._rest_until = -math.inf
        self._told: tuple[str, float] = "", -math.inf

    def tasks(self) -> list[Task]:
        """Return what is done again and again."""
        tasks = [
            Task("readings", self.config.interval, self.collect),
            Task("send", _SENDING, lambda _: self.send()),
        ]
        if self._jobs is not None:
            tasks.append(Task("windows", self.config.interval, self.count))
            if self.config.retention is not None:
                tasks.append(Task("retention", _RETAINED, self.retain))
        return tasks

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; what is in the spool then waits for the next start.

        Parameters
        ----------
        stop : asyncio.Event
            Ends it.
        """
        try:
            await Scheduler(self.tasks(), clock=self._clock, monotonic=self._monotonic).run(
                stop, grace=_GRACE
            )
        finally:
            self.spool.close()

    def collect(self, now: datetime) -> None:
        """Spool the readings of this moment, with how far the windows are counted."""
        readings = [] if self._host is None else self._host.read(now)
        readings += self._own(now)
        self._spool("readings", readings=[_said(one) for one in readings], marks=self._marks())

    def count(self, now: datetime) -> None:
        """Count what is new in the log, and spool the windows that are over.

        Parameters
        ----------
        now : datetime
            The present.
        """
        if self._jobs is None:
            return
        trouble: list[str] = []
        try:
            self._jobs.refresh()
        except AwayError as error:
            self._tell(str(error))
        except OSError as error:
            trouble.append(str(error))
        for (subject, version), counter in [] if trouble else self._counters():
            try:
                for window in self._jobs.advance((subject, version), now):  # each a batch: some are megabytes
                    # with the marks, so that the first of a version is not judged before the others are there
                    number, size = self._spool("windows", windows=[window], marks=self._marks())
                    if size > MOST_BODY:
                        self.spool.refuse(number, _too_large(window, size))
                counter.sent()
            except Exception as error:  # one model that cannot be counted stops no other
                kind = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
                trouble.append(f"{subject} version {version}: {kind}{error}")
        self._trouble = "; ".join([*trouble, *self._jobs.troubles()])
        if trouble:
            raise RuntimeError("; ".join(trouble))

    def retain(self, now: datetime) -> None:
        """Remove what is too old from the inference log: no service looks after this one.

        Parameters
        ----------
        now : datetime
            The present.
        """
        if self.config.log is None:
            return
        log = InferenceLog(self.config.log)
        for model in sorted({model for model, _ in log.models()}):
            with contextlib.suppress(ConflictError):  # somebody is at it; the next look is soon
                gone = log.retain(model, now, older_than=self.config.retention)
                if gone.segments:
                    _log.info("removed from the inference log", model=model, rows=gone.rows)

    def send(self) -> int:
        """Send what waits, oldest first, until it is gone or the service is away; return how many went."""
        done = 0
        if self._monotonic() < self._rest_until:
            return done
        while (batch := self.spool.oldest()) is not None:
            first = self.spool.try_first(batch.sequence)
            try:
                taken = self._give(batch)
            except RefusedError as error:
                self.spool.refuse(batch.sequence, str(error))
                continue
            except (AwayError, ConfigError) as error:  # a token's file may be away for a moment
                self._rest(error)
                return done
            if first and not taken:  # the service has another batch of this number
                self.spool.begin_anew()
                continue
            self.spool.acknowledge(batch.sequence)
            done += 1
            if self._failures:
                _log.info("the service takes batches again", waiting=self.spool.batches)
                self._failures = 0
        return done

    def _give(self, batch: Batch) -> bool:
        """Send a batch. One that waits under a former name that is refused goes under the present one.

        Not so one from before the spool began anew: whoever has that name may have sent it.
        """
        said, own = json.loads(batch.body), self.config.host_name
        copied = said["instance"] != self.spool.instance
        try:
            return self._centre.send(_of(batch, self.spool.instance))
        except AwayError as error:
            if error.status != HTTPStatus.CONFLICT or said["agent"] == own:
                raise
            if copied:
                raise AwayError(_copied(said["agent"], own), error.retry_after, error.status) from None
            for one in said.get("readings", ()):
                one["labels"]["host"] = own
            return self._centre.send(replace(batch, body=json.dumps({**said, "agent": own}).encode()))

    def _counters(self) -> list[tuple[tuple[str, str], Any]]:
        return [] if self._jobs is None else list(self._jobs.counters.items())

    def _marks(self) -> list[dict[str, str]] | None:
        """Return how far all is counted; None, which leaves it as it was, while that is not known."""
        if self._jobs is not None and not self._jobs.settled:
            return None
        found = {} if self._jobs is None else self._jobs.marks()
        return [
            {"subject": subject, "version": version, "until": mark.isoformat()}
            for (subject, version), mark in found.items()
        ]

    def _spool(self, kind: Kind, **parts: Any) -> tuple[int, int]:
        """Put a batch into the spool, and return its number and how many bytes it has."""
        about = {
            "agent": self.config.host_name,
            "instance": self.spool.instance,
            "program": __version__,
            "interval": self.config.interval.total_seconds(),
        }
        size = 0

        def body(number: int) -> bytes:
            nonlocal size
            said = json.dumps({**about, "sequence": number, **parts}, allow_nan=False).encode()
            size = len(said)
            return said

        return self.spool.append(kind, body), size

    def _own(self, now: datetime) -> list[Reading]:
        """Return what there is to say about the agent itself."""
        label, spool = {"host": self.config.host_name}, self.spool
        readings = [
            Reading("agent_spool_batches", spool.batches, now, label),
            Reading("agent_spool_bytes", spool.size, now, label),
            Reading("agent_refused_total", spool.refused, now, label),
        ]
        readings += [
            Reading("agent_dropped_total", count, now, {**label, "kind": kind})
            for kind, count in spool.dropped.items()
        ]
        if self._jobs is not None:
            late = sum(counter.late for _, counter in self._counters())
            readings.append(Reading("agent_late_total", late, now, label))
        if self._trouble is not None:
            failing = float(bool(self._trouble))
            readings.append(Reading("agent_counting_failing", failing, now, label, self._trouble))
        return readings

    def _rest(self, error: AwayError | ConfigError) -> None:
        """Leave the service alone for a while: longer with each failure, and never all agents at once."""
        self._failures += 1
        pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures - 1, 10))
        wait = getattr(error, "retry_after", None) or pause * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        self._rest_until = self._monotonic() + wait
        self._tell(str(error))

    def _tell(self, trouble: str) -> None:
        """Say what keeps batches here: at once when it is new, and once a minute."""
        text, told = self._told
        now = self._monotonic()
        if trouble != text or now - told >= _TOLD_EVERY:
            _log.warning("batches wait here", reason=trouble, waiting=self.spool.batches)
            self._told = trouble, now


def _of(batch: Batch, instance: str) -> Batch:
    """Return a batch as one of this instance of the spool; those from before it began anew wait on disk."""
    said = json.loads(batch.body)
    if said["instance"] == instance:
        return batch
    return replace(batch, body=json.dumps({**said, "instance": instance}).encode())


def _copied(former: str, own: str) -> str:
    """Say why a batch of a former name goes under no other."""
    return (
        f"the spool is a copy: what waits is of {former[:80]!r}, and an agent of that name sends too; as "
        f"{own[:80]!r} it would be counted twice. Remove this spool, or give another with --spool; if the "
        "other agent has the copy, end that one, and this goes in five minutes"
    )


def _too_large(window: Mapping[str, Any], size: int) -> str:
    """Say what a service would not take; it would be the same at each try."""
    whose = f"{window['subject']} version {window['version']} that begins at {window['start']}"
    return (
        f"the window of {whose} takes {size} bytes, and a service takes {MOST_BODY}: "
        "watch fewer of its columns (`columns` in the service's config)"
    )


def _said(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "labels": dict(reading.labels),
        "time": reading.time.isoformat(),
        "value": reading.value if math.isfinite(reading.value) else None,
        "note": reading.note[:2_000],
    }
