"""What an agent says of a window that it counted, and how the monitor adds it up: sums and counts, no row."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import InputError
from mirante.monitors.counting import Counted
from mirante.monitors.limits.duplicates import DistinctRows
from mirante.monitors.openwindow import OpenWindow, latency_template
from mirante.monitors.slices.sending import counts_of, slice_parts, unpack_slices
from mirante.monitors.windows import Window, WindowClock
from mirante.performance.estimated import Portion
from mirante.profiles import TableProfile
from mirante.profiles.codec import needed, promised
from mirante.readings import Reading, subject_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mirante.monitors.rows import Watched
    from mirante.monitors.slices.resolving import Resolved
    from mirante.store import AgentRow, PartRow, Store

__all__ = [
    "MOST_EXACT",
    "MOST_UNPACKED",
    "AgentWindows",
    "needs_baseline",
    "pack_window",
    "unpack_window",
    "unpacked_size",
]

_log = structlog.get_logger("mirante.agents")
MOST_UNPACKED = 64 * 2**20
"""Bytes that the profiles of what an agent sends at once may have once they are unpacked."""
MOST_EXACT = 5 * 2**20
"""Bytes that a profile may have whose sums are sent to the last bit; with all else, a body has 8 MiB."""
_PROFILES = ("profile", "latency")
_HEAD = 20  # of base64: 15 bytes, in which a profile says how long it is
_MOST_BITS = 63
_FRESH = 3  # so many of its intervals an agent has for hearing of a version that is new


def pack_window(
    window: OpenWindow, like: TableProfile | None = None, *, most: int = MOST_EXACT
) -> dict[str, Any]:
    """Return what of a window is sent, as JSON takes it: never a row, so its strangest ones stay.

    Parameters
    ----------
    window : OpenWindow
        Complete.
    like : TableProfile, optional
        The baseline. Its edges and levels are left out then, and who reads it needs it.
    most : int
        Bytes that the profile without edges may have; over them, the sums of values between two edges are
        rounded as those of windows that are judged. All counts are the same.

    Returns
    -------
    dict
        For `unpack_window`.
    """
    profile = window.profile.to_bytes(like=like, exact=True)
    if like is not None and len(profile) > most:
        profile = window.profile.to_bytes(like=like)
    said: dict[str, Any] = {
        "rows": window.rows,
        "profile": base64.b64encode(profile).decode(),
        "latency": base64.b64encode(window.latency.to_bytes()).decode(),
        "outliers": window.outliers,
        "passed": window.passed,
        "distinct": None if window.distinct is None else window.distinct.to_json(),
        "faults": dict(window.faults),
    }
    # not said at all without: a service that does not offer an estimator may not know the word
    return said if window.estimated is None else {**said, "estimated": window.estimated.to_json()}


def unpack_window(
    said: Mapping[str, Any],
    start: datetime,
    end: datetime,
    like: TableProfile | None = None,
    *,
    own: bool = False,
) -> OpenWindow:
    """Return the window that `pack_window` said.

    Parameters
    ----------
    said : mapping
        From another host: nothing in it is taken for granted.
    start, end : datetime
        Of the window.
    like : TableProfile, optional
        The baseline, for a profile that was packed with it.
    own : bool, default False
        Whether it was kept here, however large it is, and not sent.

    Raises
    ------
    InputError
        If it cannot be read, was counted with another baseline, or its parts contradict each other.
    """
    try:
        size = unpacked_size(said)
        if size > MOST_UNPACKED and not own:
            raise InputError(f"it is {size} bytes long once it is unpacked; {MOST_UNPACKED} are read")
        profile, latency = (
            TableProfile.from_bytes(base64.b64decode(said[name], validate=True), like=known)
            for name, known in zip(_PROFILES, (like, None), strict=True)
        )
        distinct = None if said.get("distinct") is None else _distinct(said["distinct"])
        estimated = None if said.get("estimated") is None else Portion.from_json(said["estimated"])
        if not latency.layout.same(latency_template().layout):
            raise InputError("its latencies are counted at other edges than all are")
        if any(counts.size and counts.min() < 0 for one in (profile, latency) for counts in counts_of(one)):
            raise InputError("it counts fewer than no rows")
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"the window that begins at {start.isoformat()} cannot be read: {error}") from error
    if profile.rows != said["rows"]:
        raise InputError(
            f"the window that begins at {start.isoformat()} is said to have {said['rows']} rows, "
            f"and its profile has {profile.rows}"
        )
    if estimated is not None and estimated.rows > profile.rows:
        raise InputError(
            f"the window that begins at {start.isoformat()} has {profile.rows} rows, "
            f"and says what {estimated.rows} of them are worth"
        )
    return OpenWindow(
        Window(start, end),
        profile,
        latency,
        int(said["outliers"]),
        passed=int(said["passed"]),
        distinct=distinct,
        faults=said["faults"],
        estimated=estimated,
    )


def needs_baseline(said: Mapping[str, Any]) -> bytes | None:
    """Return the digest of the layout without which a packed window cannot be read; None where it holds it.

    Parameters
    ----------
    said : mapping
        From `pack_window`, or from anybody.
    """
    try:
        return needed(base64.b64decode(said["profile"], validate=True))
    except (ValueError, TypeError, KeyError):  # what is wrong with it is told by who reads it
        return None


def unpacked_size(said: Mapping[str, Any]) -> int:
    """Return how many bytes the profiles of a packed window say that they have once they are unpacked.

    A few kilobytes can promise a gigabyte, so this is asked before anything is unpacked.

    Parameters
    ----------
    said : mapping
        From `pack_window`, or from anybody.

    Raises
    ------
    ValueError, TypeError, KeyError
        If they are no profiles.
    """
    sizes = [promised(base64.b64decode(said[name][:_HEAD], validate=True)) for name in _PROFILES]
    if not all(sizes):
        raise ValueError("what is there is no profile")
    return sum(sizes) + (0 if said.get("slices") is None else slice_parts(said["slices"])[2])


def _distinct(said: Mapping[str, Any]) -> DistinctRows:
    bits = said["bits"]
    if type(bits) is not int or not 0 <= bits <= _MOST_BITS:
        raise InputError(f"distinct rows have {bits!r} bits; it takes a whole number up to {_MOST_BITS}")
    found = DistinctRows.from_json(dict(said))
    if found.hashes.size != found.counts.size or (found.counts < 1).any():
        raise InputError("distinct rows need a count of one or more for each hash")
    return found


class AgentWindows:
    """What agents counted of one version's windows, and how far they have come.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Says how long windows wait for an agent of which nothing is heard.
    version : str
        The model version.
    store : Store
        Where agents' batches go.
    like : TableProfile
        The baseline's: parts of any other cannot be counted.

    Attributes
    ----------
    counting : bool
        Whether an agent said, by the last call of `until`, that it counts this version.
    behind : tuple of str
        Agents that were heard, but have not counted on for so long that windows no longer wait for them.
    """

    def __init__(self, config: Watched, version: str, store: Store, like: TableProfile) -> None:
        self._subject, self._version, self._store = config.subject, version, store
        self._like = like
        self._wait = config.agent_wait
        self._clock = WindowClock(config.window, config.timezone)
        self._begun: datetime | None = None
        self._heard: dict[str, datetime] = {}  # when each agent was first seen to be there
        self._told: float | None = None
        self._looked = False  # for what was told before this start
        self.counting = False
        self.behind: tuple[str, ...] = ()

    def parts(
        self, after: int, clock: WindowClock, slices: Resolved
    ) -> tuple[list[tuple[PartRow, Window, Counted | None]], int]:
        """Return what came after a sequence number, in the order of arrival, and the last number.

        Each comes with the window of `clock` that it begins in, and None for what cannot be read or is no
        window of `clock`: that is said, and stops nothing.

        Parameters
        ----------
        after : int
            What the last call returned; 0 for all that is not judged yet.
        clock : WindowClock
            The monitor's.
        slices : Resolved
            Those that it judges.
        """
        found = self._store.agents.parts(self._subject, self._version, after)
        windows = [(row, *self._read(row, clock, slices)) for row in found]
        return windows, found[-1].sequence if found else after

    def _read(self, row: PartRow, clock: WindowClock, slices: Resolved) -> tuple[Window, Counted | None]:
        said = Window(row.start, row.end)
        try:
            window = clock.of(row.start)
            content = json.loads(row.content)
            part = unpack_window(content, row.start, row.end, self._like)
            if window != said:
                return said, None
            counted = unpack_slices(content.get("slices"), slices, part.rows)
            part.unsliced = part.rows if counted is None and slices.slices else 0
            return window, Counted(window.end, part, counted or {})
        except Exception as error:  # of another host: whatever is wrong with it, all other parts count
            about = {"subject": self._subject, "version": self._version, "agent": row.agent}
            _log.warning("a window of an agent cannot be counted", **about, start=row.start, error=str(error))
            return said, None

    def let_go(self, until: datetime, seen: int, connection: Connection) -> None:
        """Let go of what was counted of windows that are judged, in the transaction that keeps them.

        Parameters
        ----------
        until : datetime
            They ended by then.
        seen : int
            The last number that `parts` returned: what came since was not read, and stays to be told as late.
        connection : Connection
            That transaction.
        """
        own = self._subject, self._version
        self._store.agents.empty_parts(*own, until, seen, connection=connection)

    def until(self, now: datetime, lateness: timedelta, judged: datetime | None = None) -> datetime:
        """Return until when everything is in that will come: windows that end by then can be judged.

        That is `lateness` ago, or as far as the agents of this version have come, the slowest of them. An
        agent of which nothing was heard for `agent_wait`, counted from the start of this monitor at the
        earliest, is not waited for; nor is one without which a window of this version was judged before, as
        long as nothing is heard of it: so an agent that is gone holds windows up once, and not after each
        start. One that is heard and does not count on, as it cannot read its log say, is waited for as long,
        from when it last did or should have; then it is one of those `behind`.

        Parameters
        ----------
        now : datetime
            The present.
        lateness : timedelta
            Of the monitor.
        judged : datetime, optional
            The end of the last window of this version that was judged.
        """
        self._begun = now if self._begun is None else self._begun
        until = now - lateness
        behind, self.counting = [], False
        for agent in self._store.agents.list():
            marks = self._marks(agent)
            self.counting = self.counting or self._version in marks
            if not marks or not self._awaited(agent, marks, now, judged):
                continue
            mark = marks.get(self._version)
            if mark is None:
                until = until if self._knows(agent, now) else min(until, self._begun - lateness)
            elif self._counts_on(agent, mark, now, lateness):
                until = min(until, mark)
            else:
                behind.append(agent.name)
        self.behind = tuple(behind)
        return until

    def _counts_on(self, agent: AgentRow, mark: datetime, now: datetime, lateness: timedelta) -> bool:
        """Say whether an agent came on lately, or was not to: it is not stuck where its mark is."""
        moved = agent.about.get("moved", {}).get(f"{self._subject}\n{self._version}")
        last = datetime.fromisoformat(moved) if moved else self._begun or now  # an older service noted none
        due = self._clock.of(mark).end + lateness
        return now < max(last, due) + self._wait

    def tell(self, now: datetime, labels: Mapping[str, str], *, closed: bool) -> list[Reading]:
        """Return how many agents are behind, where any count: when that changes, and with each window.

        Parameters
        ----------
        now : datetime
            The present.
        labels : mapping of str to str
            Of this version's readings.
        closed : bool
            Whether windows were judged since the last call.
        """
        if not self._looked:  # agents that were behind may have left meanwhile: then nobody counts
            self._told, self._looked = self._told_before(labels), True
        many = len(self.behind)
        if not (self.counting or self._told) or (many == self._told and not closed):
            return []
        self._told = many
        return [Reading("monitor_agents_behind", many, now, labels, ", ".join(self.behind))]

    def _told_before(self, labels: Mapping[str, str]) -> float | None:
        known = self._store.readings.latest(subject=subject_of(labels), names=["monitor_agents_behind"])
        return next((one.value for one in known if one.labels == labels), None)

    def _marks(self, agent: AgentRow) -> dict[str, datetime]:
        """Return how far an agent has counted this subject, by version."""
        pairs = [(key.rsplit("\n", 1), mark) for key, mark in agent.marks.items()]
        return {
            version: datetime.fromisoformat(mark)
            for (subject, version), mark in pairs
            if subject == self._subject
        }

    def _awaited(
        self, agent: AgentRow, marks: Mapping[str, datetime], now: datetime, judged: datetime | None
    ) -> bool:
        if agent.heard_at + self._wait > now:
            return True
        if judged is not None and marks.get(self._version, max(marks.values())) < judged:
            return False  # it was waited for, before this start or since
        return self._begun is None or self._begun + self._wait > now

    def _knows(self, agent: AgentRow, now: datetime) -> bool:
        """Say whether an agent would count this version by now if it had anything to count."""
        if self._begun is None or agent.heard_at < self._begun:
            return False  # it is away, and cannot have heard of it
        since = self._heard.setdefault(agent.name, now)
        return now >= since + timedelta(seconds=_FRESH * float(agent.about.get("interval", 0.0)))
