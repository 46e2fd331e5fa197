"""What happened in experiments during a week, told once through the channels of alerts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.errors import NotRegisteredError, TrackingError
from mirante.i18n import Translator, translator
from mirante.store import NoticeRow
from mirante.tracking.client import refused
from mirante.tracking.links import experiment_link
from mirante.tracking.reach import reachable
from mirante.tracking.runs.search import find_experiment, read_runs
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.generate import report_of
from mirante.views.words import moment, number

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.app.sections import DigestConfig
    from mirante.app.settings import Settings
    from mirante.store import Store

__all__ = ["CHECKED", "Digest", "last_due"]

CHECKED = timedelta(minutes=5)
"""From one look at whether a digest is due to the next."""

_WEEK = timedelta(days=7)
_LATEST = timedelta(days=1)  # what a service that was down missed by more than that is left out
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_METRICS = 3
_log = structlog.get_logger("mirante.digest")


def last_due(config: DigestConfig, now: datetime) -> datetime:
    """Return when a digest was last due, in UTC: the present at the latest.

    Parameters
    ----------
    config : DigestConfig
        With weekday, time and time zone.
    now : datetime
        The present.

    Examples
    --------
    >>> from mirante.app.sections import DigestConfig
    >>> config = DigestConfig(experiments=["a"], channels=["b"], timezone="America/New_York")
    >>> last_due(config, datetime(2013, 2, 8, tzinfo=UTC)).isoformat()
    '2013-02-04T13:00:00+00:00'
    """
    zone = ZoneInfo(config.timezone)
    local = now.astimezone(zone)
    back = (local.weekday() - _DAYS.index(config.weekday)) % 7
    due = _at(config, local, back)
    return due if due <= now else _at(config, local, back + 7)


def _at(config: DigestConfig, local: datetime, days_back: int) -> datetime:
    day = local.date() - timedelta(days=days_back)
    moment = datetime.combine(day, time.fromisoformat(config.at), ZoneInfo(config.timezone))
    return moment.astimezone(UTC)


class Digest:
    """One task of the service.

    Parameters
    ----------
    settings : Settings
        With the entry ``digest``.
    store : Store
        Whose outbox delivers it.
    client : callable
        Gives a client of the MLflow server.
    """

    def __init__(self, settings: Settings, store: Store, client: Callable[[], MlflowClient]) -> None:
        self._settings = settings
        self._store = store
        self._client = client
        self._done: datetime | None = None
        self._failed: tuple[datetime, str] | None = None

    def advance(self, now: datetime) -> None:
        """Put the digest into the outbox where one is due; each channel gets a week once.

        Parameters
        ----------
        now : datetime
            The present.

        Raises
        ------
        TrackingError
            If MLflow is away: the next look tries again, for a day.
        """
        config = self._settings.digest
        if config is None:
            return
        due = last_due(config, now)
        if due == self._done:
            return
        if now - due > _LATEST:
            if self._failed is not None and self._failed[0] == due:
                _log.warning("digest given up", due=due.isoformat(), reason=self._failed[1])
            self._done = due
            return
        owed = {channel: _id_of(channel, due) for channel in config.channels}
        there = {row.id for row in self._store.outbox.list(limit=10_000) if row.created_at >= due}
        owed = {channel: one for channel, one in owed.items() if one not in there}
        if owed:
            try:
                texts, links = self._texts(config, due)
            except TrackingError as error:
                self._failed = due, str(error)
                raise
            self._store.outbox.add_all(
                [self._row(channel, one, now, due, texts, links) for channel, one in owed.items()]
            )
            _log.info("digest written", experiments=len(config.experiments), channels=sorted(owed))
        self._done = due

    def _row(
        self, channel: str, one: str, now: datetime, due: datetime, texts: list[str], links: dict[str, str]
    ) -> NoticeRow:
        locale, config = self._settings.locale, self._settings.digest
        _ = translator(locale)
        zone = config.timezone if config else "UTC"
        title = _("Experiments of the week to %(day)s", day=f"{moment(due, zone, locale)} ({zone})")
        alerts = tuple(NoticeAlert("message", text) for text in texts)
        notice = Notice(one, "message", "info", title, alerts, links, locale, created_at=now)
        return NoticeRow(one, channel, "message", now, now, payload=notice.payload())

    def _texts(self, config: DigestConfig, due: datetime) -> tuple[list[str], dict[str, str]]:
        client, _ = self._client(), translator(self._settings.locale)
        texts: list[str] = []
        links: dict[str, str] = {}
        faults = 0
        for wanted in config.experiments:
            try:
                text, name, link = self._text(client, wanted, due)
            except TrackingError as error:  # the others are told all the same
                known = isinstance(error, NotRegisteredError) or refused(error)
                faults += not known
                if not known and (faults == len(config.experiments) or not reachable(client.tracking_uri)):
                    raise
                text, name, link = str(error), wanted, ""
            texts.append(text)
            if link:  # its own name may be a word that links have a meaning for, such as "run"
                links[_("Experiment %(name)s", name=name)] = link
        return texts, links

    def _text(self, client: MlflowClient, wanted: str, due: datetime) -> tuple[str, str, str]:
        """Return what happened in an experiment, its name, and its address; empty where it has none."""
        home = self._settings.mlflow.page_address()
        experiment = find_experiment(client, wanted)
        columns = read_runs(client, [experiment.id], since=due - 2 * _WEEK, until=due)
        turn = (due - _WEEK).timestamp() * 1000
        new = columns.started.astype("int64") >= turn
        week, before = (
            report_of(
                experiment,
                columns.take(which),
                now=due,
                directions=self._settings.experiments.directions,
                mlflow=home,
                important=(),
            )
            for which in (new, ~new)
        )
        told = "\n".join(_told(week, before, translator(self._settings.locale)))
        return told, experiment.name, experiment_link(home, experiment.id) if home else ""


def _id_of(channel: str, due: datetime) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"mirante/digest/{channel}/{due.isoformat()}").hex


def _told(week: ExperimentReport, before: ExperimentReport, _: Translator) -> Iterator[str]:
    yield _("Experiment %(name)s", name=week.experiment_name)
    if not week.total_runs:
        yield _.n(
            "No run started; there was %(n)s in the week before.",
            "No run started; there were %(n)s in the week before.",
            before.total_runs,
        )
        return
    runs = _.n("%(n)s run", "%(n)s runs", week.total_runs)
    ran = _(
        "%(runs)s, of which %(bad)s failed (%(share)s)",
        runs=runs,
        bad=week.failed_runs,
        share=number(week.failure_share, "share", _.locale),
    )
    if before.total_runs:
        yield _(
            "%(ran)s; in the week before %(old)s, of which %(worse)s failed.",
            ran=ran,
            old=before.total_runs,
            worse=before.failed_runs,
        )
    else:
        yield _("%(ran)s; none in the week before.", ran=ran)
    yield from _metrics(week, before, _)
    for cause in week.common_causes[:1]:
        value = _("not given") if cause.missing else cause.value
        yield _(
            "Failed runs have in common: %(key)s = %(value)s (%(bad)s of %(all)s failed).",
            key=cause.key,
            value=value,
            bad=cause.failed,
            all=cause.runs,
        )
    if week.stale_runs:
        yield _.n(
            "%(n)s run says that it is running and gave no sign of life for a day.",
            "%(n)s runs say that they are running and gave no sign of life for a day.",
            len(week.stale_runs),
        )


def _metrics(week: ExperimentReport, before: ExperimentReport, _: Translator) -> Iterator[str]:
    """Say best and median of the leading metrics; one that is the same in all runs says nothing."""
    telling = [one for one in week.leading() if one.varies or one.count == 1]
    for one in telling[:_METRICS]:
        now = _(
            "%(metric)s: best %(best)s, median %(median)s",
            metric=one.name,
            best=number(one.best, "", _.locale),
            median=number(one.median, "", _.locale),
        )
        old = before.metrics.get(one.name)
        if old is None or not old.count:
            yield f"{now}."
            continue
        yield _(
            "%(now)s; in the week before %(best)s and %(median)s.",
            now=now,
            best=number(old.best, "", _.locale),
            median=number(old.median, "", _.locale),
        )
