"""What the service watches: models by alias, and the MLflow server itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from mirante.alerts.evidence import subject_link
from mirante.app.alias import AliasRecord
from mirante.app.offers import Offers
from mirante.app.served import ServedCounts
from mirante.app.watched import Watched
from mirante.errors import LoginRefusedError, NoBaselineError, NotRegisteredError, TrackingError
from mirante.i18n import translator
from mirante.monitors.baseline import load_baseline
from mirante.monitors.columns import watched_columns
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import (
    Advance,
    ModelMonitor,
    VolumeMonitor,
    awaits_labels,
    counted_until,
    rows_cursor,
)
from mirante.readings import Reading
from mirante.store import EventRow
from mirante.tracking.baselines import locate, resolve_alias
from mirante.tracking.client import asking, brief_requests, server_name
from mirante.tracking.reach import within
from mirante.tracking.registry import answering, read_version_tag, write_version_tag

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.inference_log import InferenceLog
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.elsewhere import SparkCounting
    from mirante.monitors.rows import RowSource
    from mirante.store import Store

__all__ = ["PAGE_TAG", "ModelWatch", "server_reading"]

PAGE_TAG = "mirante.page"
"""The tag on model versions that leads to their page."""

_log = structlog.get_logger("mirante.watch")
_PATIENCE = 10.0
_AGAIN = timedelta(minutes=5)
_DROPS_TOLD_FOR = timedelta(days=1)


class ModelWatch:
    """Follows an alias: monitors the version that it points to, and changes over when it moves.

    Until a version has a baseline, its predictions are counted and timed, if they are in an inference log.

    Parameters
    ----------
    config : ModelConfig
        The model and the alias.
    store : Store
        Keeps what is found.
    log : InferenceLog
        Where predictions are read.
    client : callable
        Gives the MLflow client; called only when the alias is looked up.
    recheck : float
        Seconds after which the alias is looked up again.
    locale : str
        Of what the monitors write.
    page : str
        Address of Mirante's page, for a tag on each version that is taken up; empty for no tag.
    rows : RowSource, optional
        Where predictions are read instead, of a model that is scored in batches.
    spark : SparkCounting, optional
        Has new rows counted by Spark's workers.
    discovered : bool
        Whether no config names it: then windows are cut as the first baseline says, and that a version has
        none is no error.
    """

    def __init__(
        self,
        config: ModelConfig,
        store: Store,
        log: InferenceLog,
        client: Callable[[], MlflowClient],
        *,
        recheck: float = 60.0,
        locale: str = "en",
        page: str = "",
        rows: RowSource | None = None,
        spark: SparkCounting | None = None,
        discovered: bool = False,
    ) -> None:
        self._spark = spark
        self._discovered, self._is_cut = discovered, not discovered
        self._countable = rows is None and spark is None
        self._volume: VolumeMonitor | None = None
        self._told_missing: tuple[bool, datetime] | None = None
        self._locale = locale
        self._page = page
        self.config = config
        self.monitor: ModelMonitor | None = None
        self._store = store
        self._log = log
        self._rows: RowSource = log if rows is None else rows
        self._client = client
        self._recheck = recheck
        self._looked: datetime | None = None
        self._is_due = False
        self._alias = AliasRecord(config, store, locale=locale)
        self._known: tuple[str, str] | None = None
        self._former: list[ModelMonitor] = []
        self._resumed = False
        self._settled: object = None
        self._dropped: int | None = None
        self._unanswered = ""
        self._trouble: TrackingError | None = None
        self._served = ServedCounts(config, store, log)
        self._offers = Offers(config, store)

    def advance(self, now: datetime) -> Advance:
        """Look the alias up when it is time, then let the monitor advance.

        Versions that the alias has left finish the windows that they had begun.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        Advance
            What the monitors did.

        Raises
        ------
        TrackingError
            If MLflow does not answer and no version is known yet, or it has no such alias any more, or the
            version of a model in the config has no baseline; raised when all that can be done is done. Rows
            wait in the inference log meanwhile.
        """
        self._count_drops(now)
        due, self._is_due = self._is_due, False
        if due or self._looked is None or (now - self._looked).total_seconds() >= self._recheck:
            self._look(now)
        current = [one for one in (self.monitor, self._volume) if one is not None]
        self._served.tell([monitor.version for monitor in (*current, *self._former)], now)
        steps = [monitor.advance(now) for monitor in (*current, *self._former)]
        self._alias.finish([monitor.version for monitor in self._former if monitor.finished])
        self._former = [monitor for monitor in self._former if not monitor.finished]
        self._offers.settle([monitor for monitor in (self.monitor, *self._former) if monitor is not None])
        self._end_what_is_over()
        if self._trouble is not None:
            raise self._trouble
        return Advance.of(steps)

    @property
    def only_counts(self) -> bool:
        """Whether predictions are counted alone, since the version has no baseline."""
        return self._volume is not None

    def look_again(self) -> None:
        """Have the alias looked up at the next advance, whenever it was last; from any thread."""
        self._is_due = True

    def _count_drops(self, now: datetime) -> None:
        """Write how many rows recorders dropped: at first, while there are any, and when they are over."""
        config = self.config
        rows, reason = self._log.dropped(config.model, now - _DROPS_TOLD_FOR)
        if rows or rows != self._dropped:
            labels = {"model": config.model, "alias": config.alias}
            self._store.readings.write([Reading("monitor_dropped_total", rows, now, labels, reason)])
        self._dropped = rows

    def _look(self, now: datetime) -> None:
        try:
            client = answering(self._client)
            with brief_requests():
                self._follow(client, now)
        except NotRegisteredError as error:  # somebody has to do something about it
            self._trouble = self._with_what_goes_on(error)
            self._looked = None if self.monitor is None else now
            return
        except TrackingError as error:
            if self.monitor is None and self._volume is None:
                self._trouble, self._looked = error, None
                return
            if str(error) != self._unanswered and not isinstance(error, LoginRefusedError):
                _log.warning(
                    "alias not looked up; the known version goes on",
                    subject=self.config.subject,
                    error=str(error),
                )
            self._unanswered = str(error)
        else:
            self._unanswered, self._trouble = "", None
        self._looked = now

    def _with_what_goes_on(self, error: TrackingError) -> TrackingError:
        if self.monitor is None:  # if it is counted, the error says what is missing
            return error
        return NotRegisteredError(f"{error}. Version {self.monitor.version} goes on being watched")

    def _follow(self, client: MlflowClient, now: datetime) -> None:
        """Take up the version that the alias points to, and its baseline, unless both are known."""
        version = resolve_alias(client, self.config.model, self.config.alias)
        if self._alias.follow(version, now):
            self._let_go(version, now)
        if not self._resumed:
            self._cut_as(client, version)
            self._former = self._begun_before(client, version, now)
            self._resumed = True
        try:
            self._take_up(client, version, now)
        except NoBaselineError:
            if self.monitor is not None:  # it had one, and goes on with it
                raise
            self._count(client, version, now)
            if not self._discovered:
                raise

    def _take_up(self, client: MlflowClient, version: str, now: datetime) -> None:
        place = locate(client, self.config.model, version)
        if self._known != (version, place):
            self._begin_with(client, version, place, now)
        self._tell_missing(False, now)

    def _begin_with(self, client: MlflowClient, version: str, place: str, now: datetime) -> None:
        baseline = self._baseline(client, version)
        self._announce(version, place, now)
        self._store.baselines.put(baseline.row(self.config.subject, version, now))
        self.monitor = self._monitor(version, baseline, self._begin_of(version))
        self._volume, self._known = None, (version, place)
        self._link_back(client, version)

    def _begin_of(self, version: str) -> datetime | None:
        """Return when the time of a version's monitor begins; None for with its first row."""
        moved = None if self._alias.state is None else self._alias.state.since
        counted = None
        if self._store.cursors.get(rows_cursor(self.config.subject, version)) is None:
            counted = counted_until(self._store, self.config, version)
        return max((one for one in (moved, counted) if one is not None), default=None)

    def _count(self, client: MlflowClient, version: str, now: datetime) -> None:
        """Count the predictions of a version that has no baseline."""
        self._tell_missing(True, now)
        if self._volume is not None or not self._countable:
            return
        since = None if self._alias.state is None else self._alias.state.since
        self._volume = VolumeMonitor(
            self.config, version, self._store, self._log, since=since, locale=self._locale
        )
        self._link_back(client, version)

    def _tell_missing(self, missing: bool, now: datetime) -> None:
        """Write whether the alias' version lacks a baseline: when it changes, and every five minutes."""
        told = self._told_missing
        if told is None or told[0] != missing or now - told[1] >= _AGAIN:
            labels = {"model": self.config.model, "alias": self.config.alias}
            self._store.readings.write([Reading("baseline_missing", float(missing), now, labels)])
            self._told_missing = missing, now

    def _cut_as(self, client: MlflowClient, version: str) -> None:
        """Cut the windows of a discovered model as its baseline says, if there is one."""
        if self._is_cut:
            return
        with suppress(NoBaselineError):
            self._baseline(client, version)

    def _let_go(self, version: str, now: datetime) -> None:
        """Let the monitor of the version that the alias left finish what it has begun."""
        if self.monitor is not None:
            self.monitor.retire(now)
            self._former.append(self.monitor)
        if self._volume is not None:
            self._volume.advance(now, last=True)
            self._volume = None
        self._former = [monitor for monitor in self._former if monitor.version != version]
        self.monitor = self._known = None

    def _link_back(self, client: MlflowClient, version: str) -> None:
        """Tag the version with the address of its page; that it cannot be tagged stops nothing."""
        if not self._page:
            return
        model, address = self.config.model, subject_link(self._page, self.config.subject)
        try:
            if read_version_tag(client, model, version, PAGE_TAG) != address:
                write_version_tag(client, model, version, PAGE_TAG, address)
        except TrackingError as error:
            _log.warning("no link from the model version to its page", version=version, error=str(error))

    def _begun_before(self, client: MlflowClient, version: str, now: datetime) -> list[ModelMonitor]:
        """Return monitors of versions that had windows to judge or to measure before a restart."""
        left = {} if self._alias.state is None else dict(self._alias.state.left)
        rows = self._store.windows.list(self.config.subject)
        begun = {row.version for row in rows if not row.closed or awaits_labels(row)}
        known = {monitor.version for monitor in self._former} | {version}
        former = list(self._former)
        for other in sorted((begun | left.keys()) - known):
            if (monitor := self._monitor_of(client, other)) is not None:
                monitor.retire(left.get(other, now))
                former.append(monitor)
        return former

    def _monitor_of(self, client: MlflowClient, version: str) -> ModelMonitor | None:
        try:
            baseline = self._baseline(client, version)
        except TrackingError as error:
            _log.warning("windows of an earlier version stay as they are", version=version, error=str(error))
            self._alias.finish([version])
            return None
        return self._monitor(version, baseline)

    def _baseline(self, client: MlflowClient, version: str) -> ModelBaseline:
        baseline = load_baseline(client, self.config.model, version)
        if not self._is_cut:
            cut = {key: baseline.about[key] for key in ("window", "timezone") if key in baseline.about}
            self.config = ModelConfig.model_validate({**dict(self.config), **cut})
            self._offers, self._is_cut = Offers(self.config, self._store), True
        return watched_columns(baseline, self.config.columns)

    def _monitor(self, version: str, baseline: ModelBaseline, since: datetime | None = None) -> ModelMonitor:
        return ModelMonitor(
            self.config,
            version,
            baseline,
            self._store,
            self._rows,
            since=since,
            locale=self._locale,
            spark=self._spark,
        )

    def _announce(self, version: str, place: str, now: datetime) -> None:
        if self._known is None or self._told_of(place):
            return
        _ = translator(self._locale)
        text = _("version %(version)s has a new baseline", version=version)
        event = EventRow(
            subject=self.config.subject,
            time=now,
            kind="baseline_accepted",
            text=text,
            data={"version": version},
        )
        self._store.events.add(event)

    def _told_of(self, place: str) -> bool:
        """Say whether the last event about a baseline is that a person chose this one."""
        last = self._store.events.list(self.config.subject, kinds=["baseline_accepted"], limit=1)
        return bool(last) and last[0].data.get("baseline") == place

    def _end_what_is_over(self) -> None:
        """Mark the series that no monitor writes any more, once after each change of what is watched."""
        if self._alias.state is None:
            return
        watched = Watched(self.config, self._alias.state.version, self.monitor, self._former, self._locale)
        if watched.signature != self._settled:
            self._store.endings.settle(self.config.subject, watched.why_over)
            self._settled = watched.signature


def server_reading(client: Callable[[], MlflowClient], server: str, now: datetime) -> Reading:
    """Ask the MLflow server for one experiment, and say whether it answered.

    Parameters
    ----------
    client : callable
        Gives the MLflow client.
    server : str
        Its address, as label.
    now : datetime
        The present.

    Returns
    -------
    Reading
        ``mlflow_server_up``: 1 when it answered, 0 when not, with the reason as note.
    """
    try:
        asked = answering(client)
        within(_PATIENCE, lambda: _ask(asked))
    except LoginRefusedError as error:
        return Reading("mlflow_server_up", 0.0, now, {"server": server}, str(error))
    except Exception as error:  # any failure of a foreign client means the same here: it did not answer
        reason = server_name(f"{type(error).__name__}: {error}")  # an address in it may hold a password
        return Reading("mlflow_server_up", 0.0, now, {"server": server}, reason[:500])
    return Reading("mlflow_server_up", 1.0, now, {"server": server})


def _ask(client: MlflowClient) -> None:
    with asking(client, "ask for an experiment"):
        client.search_experiments(max_results=1)
