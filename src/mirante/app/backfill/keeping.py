"""What the past brought, copied into the store that is watched: whole windows, and nothing of the present."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from mirante.app.backfill.covering import clear, is_within, places_of
from mirante.errors import ConflictError
from mirante.i18n import translator
from mirante.monitors.model import awaits_labels, rows_cursor
from mirante.monitors.model.measuring import with_performance
from mirante.store import AlertRow, EventRow
from mirante.store.forgetting import forgotten_cursor
from mirante.store.pruning import remove_alerts
from mirante.store.types import to_micros

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mirante.app.backfill.past import Step
    from mirante.app.backfill.planning import Plan
    from mirante.app.backfill.result import Backfilled
    from mirante.readings import Reading
    from mirante.store import Store, WindowRow

__all__ = ["BACKFILLED", "Keeper", "Portion"]

BACKFILLED = "backfilled"
"""The kind of the event that tells of a backfill, and the mark in the verdicts of its windows."""

_MARK = "0" * 8  # ends the id of an alert of a backfill
_EVERY = 1_000_000  # more than there are
_MOMENT = timedelta(microseconds=1)
# what one that runs counts
_OF_A_SERVICE = frozenset({
    "predictions_read_total", "monitor_late_total", "monitor_agents_behind", "performance_labels_unmatched",
})  # fmt: skip
_WRITTEN = ("write", "complete")
_TOLD = ("alert_fired", "alert_resolved")
_Fate = Literal["write", "complete", "kept", "known", "left"]
_Places: TypeAlias = Mapping[datetime, Sequence["WindowRow"]]


@dataclass(slots=True)
class Portion:
    """Steps that are written in one transaction, and the moment of the last of them."""

    now: datetime
    starts: dict[datetime, None] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    fired: dict[str, datetime] = field(default_factory=dict)
    labelled: dict[datetime, list[str]] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        """Add a step."""
        self.now = step.now
        self.starts |= dict.fromkeys(step.starts)
        self.readings += step.readings
        self.fired |= dict(step.fired)
        self.labelled |= step.labelled


class Keeper:
    """Copies what a run through the past found.

    A window that is open, or that a service at work will judge, is left to it. One that is judged stays
    unless `replace`. Alerts are historic and over, and their ids follow from what they are about, so that a
    second run finds them there.

    Parameters
    ----------
    plan : Plan
        What is judged.
    store : Store
        Takes it.
    past : Store
        The scratch store.
    done : Backfilled
        Is brought up to date after each transaction.
    replace : bool
        Whether windows that are judged already are written anew.
    locale : str
        Of the event's text.
    """

    def __init__(
        self, plan: Plan, store: Store, past: Store, done: Backfilled, *, replace: bool, locale: str = "en"
    ) -> None:
        self._plan, self._store, self._past, self._done = plan, store, past, done
        self._replace, self._locale = replace, locale
        self._clock = plan.config.clock()
        self._subject, self._version = plan.config.subject, plan.version
        self._forgotten_name = forgotten_cursor(plan.config.model)
        self._forgotten = store.cursors.get(self._forgotten_name)
        self._fates: dict[datetime, _Fate] = {}
        self._service_measures: set[datetime] = set()
        self._cleared_until: datetime | None = None
        self._profiled: set[tuple[str, str, datetime]] = set()  # slices whose profiles are kept
        self._firing: dict[str, datetime] = {}
        self._kept_alerts: dict[str, AlertRow] = {}

    def keep(self, portion: Portion, *, last: bool = False) -> None:
        """Write a portion, all of it or nothing.

        Parameters
        ----------
        portion : Portion
            What is new.
        last : bool
            Whether it is the last one, which also writes the event.

        Raises
        ------
        ConflictError
            If rows were deleted from the log meanwhile: what is at hand may hold some of them.
        """
        rows = self._found(portion)
        firing = self._firing | portion.fired
        found = {row.id: row for row in self._past.alerts.of(list(firing))}
        with self._store.transaction() as connection:
            if (
                self._store.cursors.get(self._forgotten_name, connection=connection, hold=True)
                != self._forgotten
            ):
                raise ConflictError(
                    "rows were deleted from the inference log meanwhile; what is written stays, and the same "
                    "command goes on without them"
                )
            self._keep_baseline(connection)
            places = places_of(self._store, rows.values(), connection=connection)
            fates = self._decide(rows, places, connection)
            self._keep_windows(rows, fates, places, connection)
            profiled = self._keep_slices(fates, connection)
            self._match_labels(portion, fates, connection)
            wanted = [one for one in portion.readings if self._wanted(one, fates)]
            readings = self._store.readings.write(wanted, arrive=False, connection=connection)
            alerts = self._keep_alerts(found, firing, fates, portion.now, connection)
            if last:
                self._end(fates, alerts, portion.now, connection)
        self._count(rows, fates, readings)
        self._fates |= fates
        self._profiled = profiled
        self._kept_alerts |= {row.id: row for row in alerts.values()}
        self._firing = {one: firing[one] for one, row in found.items() if row.state != "resolved"}
        self._done.alerts = sorted(
            self._kept_alerts.values(), key=lambda row: (row.active_at, row.rule, row.id)
        )

    def _found(self, portion: Portion) -> dict[datetime, WindowRow]:
        known = {
            start: self._past.windows.get(self._subject, start, version=self._version)
            for start in portion.starts
        }
        return {
            start: replace(row, verdicts={**row.verdicts, BACKFILLED: True})
            for start, row in known.items()
            if row is not None
        }

    def _keep_baseline(self, connection: Connection) -> None:
        """Write the baseline for the pages, if it is not there; the newest one stays the newest."""
        baselines = self._store.baselines
        if baselines.get(self._subject, self._version, connection=connection) is not None:
            return
        newest = baselines.get(self._subject, connection=connection)
        if newest is None and not self._plan.current:
            return  # the service would take it for the version that the alias had pointed to
        created = self._plan.start if newest is None else newest.created - _MOMENT
        baselines.put(self._plan.baseline.row(self._subject, self._version, created), connection=connection)

    def _decide(
        self, rows: dict[datetime, WindowRow], places: _Places, connection: Connection
    ) -> dict[datetime, _Fate]:
        """Say of each window what becomes of it; one that a service will measure goes without figures."""
        limit = self._service_begins(connection)
        if limit is not None:
            self._service_measures |= {
                one.start
                for there in places.values()
                for one in there
                if awaits_labels(one) and not one.verdicts.get(BACKFILLED)
            }
            for start in self._service_measures & rows.keys():
                row = rows[start]
                verdicts = {name: one for name, one in row.verdicts.items() if name != "realised"}
                rows[start] = replace(row, verdicts={**verdicts, "performance": None})
        return {start: self._fate(row, places[start], limit) for start, row in rows.items()}

    def _fate(self, row: WindowRow, there: Sequence[WindowRow], limit: datetime | None) -> _Fate:
        mine = self._fates.get(row.start)
        if mine in ("write", "complete"):
            return mine  # by this run; now its labels are in
        if not there:
            return "write" if limit is None or row.start < limit else "left"
        if not all(one.closed for one in there):
            return "left"
        if self._replace:  # retention may have come meanwhile, and put what is outside into it
            return "write" if all(is_within(one, self._plan.span) for one in there) else "kept"
        if not all(one.verdicts.get(BACKFILLED) for one in there):
            return "kept"
        same = there[0]
        if (same.start, same.end) != (row.start, row.end):
            return "known"  # as a part of a longer one
        news = any(row.verdicts.get(name) != same.verdicts.get(name) for name in ("performance", "realised"))
        measured = row.verdicts.get("performance") is not None and news
        return "complete" if measured and awaits_labels(same) else "known"

    def _service_begins(self, connection: Connection) -> datetime | None:
        """Return from when on windows are a service's to judge; None where none is at work."""
        store, subject, version = self._store, self._subject, self._version
        cursor = store.cursors.get(rows_cursor(subject, version), connection=connection)
        if cursor is None or not self._plan.current:
            return None
        last = [
            row.last
            for row in store.windows.versions(subject, connection=connection)
            if row.version == version
        ]
        ends = list(store.windows.ends(subject, last, connection=connection).values())
        if self._cleared_until is not None:  # until all of what a day became is written
            ends.append(self._cleared_until)
        if cursor.get("begin"):
            ends.append(datetime.fromisoformat(cursor["begin"]))
        # without any it has read the log from its beginning, and judges all of it
        return max(ends, default=self._plan.start)

    def _keep_windows(
        self,
        rows: Mapping[datetime, WindowRow],
        fates: Mapping[datetime, _Fate],
        places: _Places,
        connection: Connection,
    ) -> None:
        written = [row for start, row in rows.items() if fates[start] == "write"]
        until = clear(self._store, written, places, connection=connection)
        self._cleared_until = until or self._cleared_until
        for start, row in rows.items():
            if fates[start] == "write":
                self._store.windows.put(row, connection=connection)
            elif fates[start] == "complete":
                there = self._store.windows.get(
                    self._subject, start, version=self._version, connection=connection
                )
                if there is not None:
                    measured = with_performance(
                        there, row.verdicts["performance"], row.verdicts.get("realised")
                    )
                    self._store.windows.put(measured, connection=connection)

    def _keep_slices(
        self, fates: Mapping[datetime, _Fate], connection: Connection
    ) -> set[tuple[str, str, datetime]]:
        """Write the slices of written windows; return which of them have profiles."""
        starts = [start for start, fate in fates.items() if fate in _WRITTEN]
        if not starts:
            return self._profiled
        past, store = self._past.slice_windows, self._store.slice_windows
        kept = {(*row.slice, row.start): row for row in past.kept(self._subject, self._version)}
        found = past.list(self._subject, since=min(starts), until=max(starts) + _MOMENT)
        mine = {(*row.slice, row.start): row for row in found if fates.get(row.start) in _WRITTEN}
        rows = [kept.get(key, row) for key, row in mine.items()]
        store.put(
            [replace(row, performance={}) if row.start in self._service_measures else row for row in rows],
            connection=connection,
        )
        gone = self._profiled - kept.keys()
        store.drop_profiles(self._subject, self._version, gone, connection=connection)
        return (self._profiled | mine.keys()) & kept.keys()

    def _match_labels(
        self, portion: Portion, fates: Mapping[datetime, _Fate], connection: Connection
    ) -> None:
        """Note that the labels of measured windows belong to predictions."""
        for start, ids in portion.labelled.items():
            if fates.get(start) in _WRITTEN and start not in self._service_measures:
                self._store.labels.match(self._plan.config.model, ids, connection=connection)

    def _wanted(self, reading: Reading, fates: Mapping[datetime, _Fate]) -> bool:
        if reading.name in _OF_A_SERVICE:
            return False
        at_end = reading.name.startswith("freshness_")  # the others are of the window's start
        start = self._clock.of(reading.time - _MOMENT).start if at_end else reading.time
        fate = fates.get(start) or self._fates.get(start)
        if reading.name.startswith("performance_"):
            return fate in _WRITTEN and start not in self._service_measures
        return fate == "write"

    def _keep_alerts(
        self,
        found: Mapping[str, AlertRow],
        firing: Mapping[str, datetime],
        fates: Mapping[datetime, _Fate],
        now: datetime,
        connection: Connection,
    ) -> dict[str, AlertRow]:
        """Write alerts about written windows, and those that are there; return them by scratch id."""
        store = self._store
        made = {one: _historic(row, self._subject, self._version, now) for one, row in found.items()}
        ids = [row.id for row in made.values()]
        there = {row.id for row in store.alerts.of(ids, connection=connection)} if ids else set()
        kept = {
            one: row
            for one, row in made.items()
            if row.id in there or (fates.get(firing[one]) or self._fates.get(firing[one])) in _WRITTEN
        }
        store.alerts.save_all(list(kept.values()), connection=connection)
        self._keep_told(kept, connection)
        return kept

    def _keep_told(self, kept: Mapping[str, AlertRow], connection: Connection) -> None:
        """Write the events of alerts that are not there yet."""
        news = [
            replace(event, data={**event.data, "alert": kept[event.data["alert"]].id})
            for event in self._past.events.list(kinds=_TOLD, limit=_EVERY)
            if event.data["alert"] in kept
        ]
        if not news:
            return
        times = [event.time for event in news]
        known = self._store.events.list(
            since=min(times), until=max(times) + _MOMENT, kinds=_TOLD, limit=_EVERY, connection=connection
        )
        told = {(event.kind, event.data.get("alert")) for event in known}
        fresh = [event for event in news if (event.kind, event.data["alert"]) not in told]
        self._store.events.add_all(fresh, connection=connection)

    def _end(
        self,
        fates: Mapping[datetime, _Fate],
        alerts: Mapping[str, AlertRow],
        now: datetime,
        connection: Connection,
    ) -> None:
        """Write the event, and take away alerts of earlier backfills that these windows no longer give."""
        ours = {*self._kept_alerts, *(row.id for row in alerts.values())}
        if self._replace:
            before = self._store.alerts.list(
                subject=self._subject,
                since=self._plan.start,
                until=now + _MOMENT,
                limit=_EVERY,
                connection=connection,
            )
            gone = [row.id for row in before if self._made_before(row) and row.id not in ours]
            remove_alerts(gone, self._subject, connection)
        every = list({**self._fates, **fates}.values())
        written = every.count("write") + every.count("complete")
        if not written:
            return
        event = self._event(every.count("write"), len(ours))
        same = self._store.events.list(
            self._subject,
            since=event.time,
            until=event.time + _MOMENT,
            kinds=[BACKFILLED],
            connection=connection,
        )
        if event.text not in {one.text for one in same}:
            self._store.events.add(event, connection=connection)

    def _made_before(self, row: AlertRow) -> bool:
        mine = row.labels.get("version", self._version) == self._version
        return row.historic and row.id.endswith(_MARK) and mine

    def _event(self, windows: int, alerts: int) -> EventRow:
        _ = translator(self._locale)
        plan = self._plan
        begin, end = (self._clock.local(time) for time in (plan.start, plan.end))
        form = "%Y-%m-%d" if begin.time() == end.time() == begin.min.time() else "%Y-%m-%d %H:%M"
        text = _(
            "backfilled %(start)s to %(end)s with version %(version)s: %(windows)s, %(alerts)s",
            start=f"{begin:{form}}",
            end=f"{end:{form}}",
            version=plan.version,
            windows=_.n("%(n)s window", "%(n)s windows", windows),
            alerts=_.n("%(n)s alert", "%(n)s alerts", alerts),
        )
        data = {"version": plan.version, "from": plan.start.isoformat(), "to": plan.end.isoformat()}
        figures = {"windows": windows, "alerts": alerts}
        return EventRow(self._subject, plan.start, BACKFILLED, text, {**data, **figures})

    def _count(
        self, rows: Mapping[datetime, WindowRow], fates: Mapping[datetime, _Fate], readings: int
    ) -> None:
        done = self._done
        done.readings += readings
        for start, fate in fates.items():
            row = rows[start]
            waits = awaits_labels(row)
            if start in self._fates:
                done.waiting -= fate == "write" and not waits
                news = fate == "complete" and self._fates[start] == "known"
                done.completed, done.known = done.completed + news, done.known - news
                continue
            done.windows += fate == "write"
            done.drifted += fate == "write" and bool(row.verdicts["drifted"])
            done.waiting += fate == "write" and waits
            done.rows += row.rows if fate == "write" else 0
            done.completed += fate == "complete"
            done.kept += fate == "kept"
            done.known += fate == "known"
            done.left += fate == "left"
        if self._subject.startswith("table/"):
            done.waiting = 0  # no label is to come for rows of a table


def _historic(row: AlertRow, subject: str, version: str, now: datetime) -> AlertRow:
    """Return an alert of the scratch store as history: over, and with an id that follows from what it is."""
    about = [subject, version, row.rule, sorted(row.labels.items()), to_micros(row.active_at)]
    digest = hashlib.blake2b(json.dumps(about).encode(), digest_size=12).hexdigest()
    return replace(
        row,
        id=digest + _MARK,
        state="resolved",
        resolved_at=row.resolved_at or now,
        keep_firing_since=None,
        historic=True,
    )
