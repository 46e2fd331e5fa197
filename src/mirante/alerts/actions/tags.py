"""The tag on a model version while alerts about it fire, and what was there before once they are over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.alerts.actions.told import Told
from mirante.alerts.grouping import routing_labels
from mirante.i18n import translator
from mirante.readings import model_subject
from mirante.store import EventRow
from mirante.tracking.registry import alias_version, read_version_tag, version_tags, write_version_tag

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy import Connection

    from mirante.alerts.actions.config import TagAction
    from mirante.store import AlertRow, Store

__all__ = ["STATE_TAG", "TagKeeper"]

STATE_TAG = "mirante.state"
"""The tag on model versions."""

_CURSOR = "actions/tags"


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A version that has the tag or is about to: what it says, what it said before, for which alerts."""

    model: str
    alias: str
    version: str
    value: str
    former: str | None
    alerts: tuple[str, ...]
    written: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.model, self.version


class TagKeeper:
    """Holds the tags of all versions against the alerts that fire, at each call anew.

    What is to be written is in the store before MLflow hears of it, with what was there before. So a process
    that dies, or a server that is away, leaves nothing half done: the next call goes on from there.

    Parameters
    ----------
    store : Store
        Remembers which versions are tagged.
    actions : sequence of TagAction
        Where several want to tag the same version, the first wins.
    told : Told
        Remembers what was said of a dry run.
    locale : str
        Language of the events.
    """

    def __init__(self, store: Store, actions: Sequence[TagAction], told: Told, *, locale: str = "en") -> None:
        self._store, self._actions, self._told = store, actions, told
        self._words = translator(locale)

    def advance(self, firing: Sequence[AlertRow], client: Callable[[], MlflowClient], now: datetime) -> None:
        """Tag the versions that alerts are about, and clear those whose alerts are over.

        Parameters
        ----------
        firing : sequence of AlertRow
            All alerts about models that fire.
        client : callable
            Gives the MLflow client; called only when there is something to do.
        now : datetime
            The present.

        Raises
        ------
        TrackingError
            If MLflow does not answer; the next call tries again.
        """
        tagged = self._load()
        wanted = self._wanted(firing, tagged, client, now)
        for want in wanted.values():
            self._set(want, tagged.get(want.key), client, now)
        for key, record in tagged.items():
            if key not in wanted:
                self._clear(record, client(), now)

    def _load(self, connection: Connection | None = None) -> dict[tuple[str, str], _Tagged]:
        kept = (self._store.cursors.get(_CURSOR, connection=connection) or {}).get("versions", [])
        records = [_Tagged(**{**one, "alerts": tuple(one["alerts"])}) for one in kept]
        return {record.key: record for record in records}

    def _save(self, change: _Tagged, *, event: EventRow | None = None, gone: bool = False) -> None:
        with self._store.transaction() as connection:
            records = self._load(connection)
            records.pop(change.key, None)
            if not gone:
                records[change.key] = change
            rows = [asdict(record) for record in records.values()]
            self._store.cursors.set(_CURSOR, {"versions": rows}, connection=connection)
            if event is not None:
                self._store.events.add(event, connection=connection)

    def _wanted(
        self,
        firing: Sequence[AlertRow],
        tagged: Mapping[tuple[str, str], _Tagged],
        client: Callable[[], MlflowClient],
        now: datetime,
    ) -> dict[tuple[str, str], _Tagged]:
        """Return what is to be tagged, by version, for the action that comes first."""
        known = {alert: record.version for record in tagged.values() for alert in record.alerts}
        wanted: dict[tuple[str, str], _Tagged] = {}
        for action in self._actions:
            for alert in firing:
                if not action.accepts(routing_labels(alert)):
                    continue
                model, alias = alert.labels["model"], alert.labels["alias"]
                if action.dry_run:
                    self._say_dry(action, alert, now)
                    continue
                # An alert stays with the version that it fired for, also when the alias moves on.
                version = alert.labels.get("version") or known.get(alert.id)
                version = version or alias_version(client(), model, alias)
                if version is None:
                    self._say_gone(alert, now)
                    continue
                one = wanted.get((model, version))
                if one is None:
                    one = _Tagged(model, alias, version, action.value, None, ())
                if alert.id not in one.alerts:
                    one = replace(one, alerts=(*one.alerts, alert.id))
                wanted[one.key] = one
        return wanted

    def _set(
        self, want: _Tagged, record: _Tagged | None, client: Callable[[], MlflowClient], now: datetime
    ) -> None:
        _ = self._words
        if record is None:
            tags = version_tags(client(), want.model, want.version)
            if tags is None:
                return
            record = replace(want, former=tags.get(STATE_TAG))
            self._save(record)
        elif record.value != want.value:
            record = replace(record, value=want.value, alerts=want.alerts, written=False)
            self._save(record)
        elif record.alerts != want.alerts:
            record = replace(record, alerts=want.alerts)
            self._save(record)
        if not record.written:
            write_version_tag(client(), record.model, record.version, STATE_TAG, record.value)
            text = _(
                "version %(version)s tagged %(tag)s=%(value)s",
                version=record.version,
                tag=STATE_TAG,
                value=record.value,
            )
            self._save(replace(record, written=True), event=_event(record, now, "version_tagged", text))

    def _clear(self, record: _Tagged, client: MlflowClient, now: datetime) -> None:
        _ = self._words
        present = read_version_tag(client, record.model, record.version, STATE_TAG)
        if present == record.value and present != record.former:
            write_version_tag(client, record.model, record.version, STATE_TAG, record.former)
        if present not in (record.value, record.former):
            text = _(
                "version %(version)s keeps %(tag)s=%(value)s, which was set by hand",
                version=record.version,
                tag=STATE_TAG,
                value=present,
            )
        elif record.former is None:
            text = _("version %(version)s no longer tagged %(tag)s", version=record.version, tag=STATE_TAG)
        else:
            text = _(
                "version %(version)s tagged %(tag)s=%(value)s again, as before",
                version=record.version,
                tag=STATE_TAG,
                value=record.former,
            )
        never = not record.written and present == record.former
        event = None if never else _event(record, now, "version_tag_cleared", text)
        self._save(record, event=event, gone=True)

    def _say_dry(self, action: TagAction, alert: AlertRow, now: datetime) -> None:
        _ = self._words
        version = alert.labels.get("version") or f"@{alert.labels['alias']}"
        text = _(
            "dry run: version %(version)s would be tagged %(tag)s=%(value)s because of %(rule)s",
            version=version,
            tag=STATE_TAG,
            value=action.value,
            rule=alert.rule,
        )
        data = {"alert": alert.id, "tag": STATE_TAG, "value": action.value}
        event = EventRow(alert.subject, now, "action_dry_run", text, data)
        self._told.say(f"tag {action.value}", [alert.id], event)

    def _say_gone(self, alert: AlertRow, now: datetime) -> None:
        _ = self._words
        text = _("no version to tag: MLflow has no alias %(alias)s", alias=alert.labels["alias"])
        event = EventRow(alert.subject, now, "action_failed", text, {"alert": alert.id})
        self._told.say("no version", [alert.id], event)


def _event(record: _Tagged, now: datetime, kind: str, text: str) -> EventRow:
    data = {
        "author": "mirante",
        "reason": list(record.alerts),
        "version": record.version,
        "tag": STATE_TAG,
        "value": record.value,
        "undo": {"tag": STATE_TAG, "value": record.former},
    }
    return EventRow(model_subject(record.model, record.alias), now, kind, text, data)
