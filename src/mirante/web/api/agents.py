"""Where agents on other hosts send what they read and counted, and ask what they are to count.

All of it is rows of the store, so it is the same on a service that only waits to take over.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import AwareDatetime

from mirante import __version__
from mirante.errors import InputError
from mirante.monitors.windowparts import MOST_UNPACKED, needs_baseline, unpack_window, unpacked_size
from mirante.profiles import TableProfile
from mirante.readings import READINGS, Reading
from mirante.store import AgentRow, PartRow
from mirante.web.api.agent_models import (
    CHECKSUM,
    FORMAT,
    FORMAT_HEADER,
    LEAST_FORMAT,
    SENT,
    SPEAKS,
    AgentBaseline,
    AgentBatch,
    AgentJob,
    AgentTaken,
)
from mirante.web.api.models import WRITES, fault

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mirante.store import Store

__all__ = ["make_agents_router"]

_log = structlog.get_logger("mirante.agents")
_OWN = ("system_", "agent_")  # an agent speaks of its host and of itself
_MOST_AGENTS = 1_000  # whoever has the token could fill the store with names
_KEPT = 8  # baselines; the edges of one of 2,000 columns take 16 MB
_TAKEOVER = timedelta(minutes=5)
_FORMAT_FAULT: dict[int | str, dict[str, Any]] = {
    426: fault("The agent speaks a newer form than this service understands.")
}
_FAULTS: dict[int | str, dict[str, Any]] = {
    **WRITES,
    **_FORMAT_FAULT,
    409: fault(
        "Another agent or the service's own host has this name, this spool was copied, or there are as many "
        "agents as there may be."
    ),
}
_OLDER: dict[int | str, dict[str, Any]] = {
    426: fault("The agent is too old to read what this service says, and goes on with what it knew.")
}
_NOT_COUNTED: dict[int | str, dict[str, Any]] = {404: fault("Nothing is counted with such a baseline.")}


def _spoken(number: Annotated[int, Header(alias=FORMAT_HEADER, ge=1, lt=2**31)] = FORMAT) -> int:
    """Return the form of a batch; refuse a newer one unread: what it says would only look wrong."""
    if number > FORMAT:
        raise HTTPException(
            426,
            f"the agent speaks form {number} and this service understands up to {FORMAT}; "
            "upgrade the service before its agents",
        )
    return number


def _reads(number: Annotated[int, Header(alias=FORMAT_HEADER, ge=1, lt=2**31)] = 1) -> None:
    """Offer nothing to an agent that could not read it: it goes on counting what it knew."""
    if number < LEAST_FORMAT:
        raise HTTPException(
            426,
            f"the agent speaks form {number}, and what this service offers is read from form {LEAST_FORMAT} "
            "on; upgrade the agent",
        )


def make_agents_router(store: Store, clock: Callable[[], datetime], own_host: str = "") -> APIRouter:
    """Return the routes for agents.

    Parameters
    ----------
    store : Store
        Where everything goes.
    clock : callable
        The present, aware.
    own_host : str
        What the service calls the host that it reads itself, which no agent may be called; empty without one.
    """
    router = APIRouter(prefix="/agents", tags=["agents"])

    known = _Baselines(store)
    turned_away: set[str] = set()

    @router.post("/batches", summary="Take a batch of an agent", responses=_FAULTS)
    def batches(
        body: AgentBatch,
        form: Annotated[int, Depends(_spoken)],
        speaks: Annotated[int | None, Header(alias=SPEAKS, ge=1, lt=2**31)] = None,
        checksum: Annotated[int, Header(alias=CHECKSUM, ge=0, lt=2**53)] = 0,
        sent: Annotated[AwareDatetime | None, Header(alias=SENT)] = None,
    ) -> AgentTaken:
        """Take what is new in it; the answer comes when it is on disk. The same again changes nothing."""
        now, form = clock(), speaks or form  # not that of a batch which an agent kept before its upgrade
        _free(body.agent, own_host, turned_away)
        if not _is_next(store.agents.get(body.agent), body, checksum, now):  # nothing in it is looked at
            return AgentTaken(sequence=body.sequence, taken=False, windows=0)
        (readings, unknown), parts = _readings(body), _parts(body, known)
        skew = 0.0 if sent is None else (sent - now).total_seconds()
        with store.transaction() as connection:
            before = store.agents.get(body.agent, connection=connection)
            taken = _is_next(before, body, checksum, now)
            new = 0
            if before is None:
                _admit(body.agent, store.agents.count(connection=connection))
            if taken:
                label = {"host": body.agent}
                readings.append(Reading("agent_clock_skew_seconds", skew, now, label))
                readings.append(Reading("agent_outdated", form < FORMAT, now, label, _age(body, form)))
                store.readings.write(readings, connection=connection)
                new = _take_parts(store, parts, connection)
                said = {"skew": skew, "form": form}
                _remember(store, before, body, checksum, now, said, connection)
        if unknown:
            _log.info("readings that are not known here are passed over", agent=body.agent, readings=unknown)
        return AgentTaken(sequence=body.sequence, taken=taken, windows=new, unknown=unknown)

    @router.get("/jobs", summary="What agents are to count", responses=_OLDER, dependencies=[Depends(_reads)])
    def jobs() -> list[AgentJob]:
        return [
            AgentJob(subject=one.subject, version=one.version, digest=one.digest, **one.about)
            for one in store.agents.jobs()
        ]

    @router.get(
        "/baselines/{digest}",
        summary="A baseline that is counted with",
        responses={**_NOT_COUNTED, **_OLDER},
        dependencies=[Depends(_reads)],
    )
    def baselines(digest: str) -> AgentBaseline:
        found = store.agents.baseline(digest)
        if found is None:
            raise HTTPException(
                404, f"nothing is counted with the baseline {digest[:80]!r}; ask for the jobs"
            )
        return AgentBaseline(files=json.loads(found))

    return router


def _readings(body: AgentBatch) -> tuple[list[Reading], int]:
    """Return the readings, and how many have names that are not known: an agent may be newer than this.

    An agent says nothing about models, nor about other hosts.
    """
    found, unknown = [], 0
    for one in body.readings:
        if one.name not in READINGS:
            unknown += 1
            continue
        if not one.name.startswith(_OWN):
            raise HTTPException(422, f"agents send readings of their host, and {one.name[:80]!r} is none")
        if one.labels.get("host") != body.agent:
            raise HTTPException(422, f"a reading of {body.agent[:80]!r} needs the label host with that name")
        if {"model", "experiment", "table", "registry"} & one.labels.keys():
            raise HTTPException(422, f"a reading of a host has the label host alone; {one.name!r} has more")
        value = math.nan if one.value is None else one.value
        found.append(Reading(one.name, value, one.time, one.labels, one.note))
    return found, unknown


class _Baselines:
    """The edges at which agents count, of the last few versions that were asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[str, TableProfile]] = {}
        self._mutex = threading.Lock()
        self._reading = [threading.Lock() for _ in range(_KEPT)]

    def digests(self) -> dict[tuple[str, str], str]:
        """Return which versions are watched now, each with the digest of its baseline."""
        return {(job.subject, job.version): job.digest for job in self._store.agents.jobs()}

    def of(self, subject: str, version: str, layout: bytes, digest: str | None) -> TableProfile | None:
        """Return an empty profile at the edges of a version's baseline.

        None where it has another layout, is not in the store, or nobody watches the version: no `digest`.
        """
        key = subject, version
        if digest is None:
            return None
        # reading one takes a while: agents of one version wait for it together, and those of others do not
        with self._reading[hash(key) % len(self._reading)]:
            with self._mutex:
                seen, found = self._known.pop(key, ("", None))
            if found is None or seen != digest:
                row = self._store.baselines.get(subject, version)
                if row is None:
                    return None  # it is there soon
                found = TableProfile.empty(TableProfile.from_bytes(row.profile))
            with self._mutex:
                self._known[key] = digest, found
                while len(self._known) > _KEPT:
                    del self._known[next(iter(self._known))]
        return found if found.layout.digest == layout else None


def _parts(body: AgentBatch, baselines: _Baselines) -> list[PartRow]:
    about = {"subject", "version", "start", "end"}
    windows = [(one, one.model_dump(exclude=about)) for one in body.windows]
    size = 0
    for _, said in windows:
        with suppress(ValueError):  # what is no profile is told below
            size += unpacked_size(said)
    if size > MOST_UNPACKED:
        raise HTTPException(
            413,
            f"the windows are {size} bytes long once they are unpacked, and a batch may have "
            f"{MOST_UNPACKED}; watch fewer columns",
        )
    found, watched = [], baselines.digests() if windows else {}
    for one, said in windows:
        if one.start >= one.end:
            raise HTTPException(422, f"the window that begins at {one.start.isoformat()} is empty")
        layout = needs_baseline(said)
        digest = watched.get((one.subject, one.version))
        like = None if layout is None else baselines.of(one.subject, one.version, layout, digest)
        try:
            if layout is None or like is not None:  # one of another baseline is told by the monitor, as late
                unpack_window(said, one.start, one.end, like)  # what the monitor could not read would stop it
        except InputError as error:
            raise HTTPException(422, str(error)[:500]) from None
        content = json.dumps(said).encode()
        found.append(PartRow(one.subject, one.version, one.start, body.agent, one.end, one.rows, content))
    return found


def _free(agent: str, own_host: str, told: set[str]) -> None:
    """Refuse an agent that would write into the readings of the service's own host; say so once."""
    if agent == own_host:
        if agent not in told:
            told.add(agent)
            _log.warning(
                "an agent has the name of the service's own host: its readings and windows wait there",
                agent=agent,
                advice="start it with --name, or write `host: {enabled: false}` into mirante.yaml",
            )
        raise HTTPException(
            409,
            f"the service reads the host {own_host[:80]!r} itself; give the agent a name of its own with "
            "--name. If it runs on the service's machine, write `host: {enabled: false}` into mirante.yaml, "
            "and the service leaves that host to it",
        )


def _is_next(known: AgentRow | None, body: AgentBatch, checksum: int, now: datetime) -> bool:
    """Say whether a batch is new; refuse it where two agents share a name."""
    if known is None:
        return True
    if known.instance != body.instance:
        quiet = now - known.heard_at
        patience = _patience(known)
        if quiet < patience:
            raise HTTPException(
                409,
                f"another agent called {body.agent!r} was heard {max(quiet.total_seconds(), 0):.0f} s ago; "
                f"give one of them a name of its own with --name. If its spool was lost, this one takes over "
                f"{patience.total_seconds():.0f} s after the other was last heard",
            )
        return True
    if body.sequence == known.sequence and checksum != known.checksum:
        raise HTTPException(
            409,
            f"batch {body.sequence} of {body.agent!r} came before with another content: two agents use "
            "copies of one spool; remove the spool of the one that was copied, and give it a name of its own",
        )
    return body.sequence > known.sequence


def _patience(known: AgentRow) -> timedelta:
    """Return after how long of silence an agent counts as away."""
    return max(_TAKEOVER, timedelta(seconds=3 * float(known.about.get("interval", 0.0))))


def _admit(agent: str, many: int) -> None:
    if many >= _MOST_AGENTS:
        raise HTTPException(
            409,
            f"{many} agents send to this service, and it takes no more: {agent[:80]!r} is another; "
            "let it send to a service of its own. An agent of which nothing is heard for 30 days makes room",
        )


def _age(body: AgentBatch, form: int) -> str:
    """Say what is to be done about an older agent; nothing of one that is as new as this service."""
    if form >= FORMAT:
        return ""
    return (
        f"the agent's program is {body.program[:80]} and speaks form {form}; this service is {__version__} "
        f"and speaks form {FORMAT}: upgrade the agent"
    )


def _take_parts(store: Store, parts: list[PartRow], connection: Connection) -> int:
    counted = (
        {(job.subject, job.version) for job in store.agents.jobs(connection=connection)} if parts else ()
    )
    wanted = [part for part in parts if (part.subject, part.version) in counted]
    if len(wanted) < len(parts):
        _log.info("windows of versions that nobody watches any more", windows=len(parts) - len(wanted))
    return store.agents.add_parts(wanted, connection=connection)


def _remember(
    store: Store,
    known: AgentRow | None,
    body: AgentBatch,
    checksum: int,
    now: datetime,
    said: dict[str, Any],
    connection: Connection,
) -> None:
    marks = {} if known is None else dict(known.marks)
    before = marks
    if body.marks is not None:
        marks = {f"{one.subject}\n{one.version}": one.until.isoformat() for one in body.marks}
    if known is None or known.instance != body.instance:
        _log.info("a new agent", agent=body.agent, program=body.program)
    # one that was away has much to say: it is given its time anew
    stayed = known is not None and known.instance == body.instance and now < known.heard_at + _patience(known)
    moved = known.about.get("moved", {}) if known is not None and stayed else {}
    came = {
        key: moved.get(key, now.isoformat()) if before.get(key) == mark else now.isoformat()
        for key, mark in marks.items()
    }
    about = {"interval": body.interval, "program": body.program, "moved": came, **said}
    row = AgentRow(body.agent, body.instance, body.sequence, checksum, now, about, marks)
    store.agents.put(row, connection=connection)
