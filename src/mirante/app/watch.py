"""What the service watches: models by alias, and the MLflow server itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from mirante.alerts.evidence import subject_link
from mirante.app.served import ServedCounts
from mirante.errors import TrackingError
from mirante.monitors.baseline import load_baseline
from mirante.monitors.columns import watched_columns
from mirante.monitors.model import Advance, ModelMonitor, awaits_labels
from mirante.readings import Reading
from mirante.store import EventRow
from mirante.tracking.baselines import locate, resolve_alias
from mirante.tracking.client import brief_requests, server_name
from mirante.tracking.reach import within
from mirante.tracking.registry import answering, read_version_tag, write_version_tag

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.inference_log import InferenceLog
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.rows import RowSource
    from mirante.store import Store

__all__ = ["PAGE_TAG", "ModelWatch", "server_reading"]

PAGE_TAG = "mirante.page"
"""The tag on model versions that leads to their page."""

_log = structlog.get_logger("mirante.watch")
_PATIENCE = 10.0
_DROPS_TOLD_FOR = timedelta(days=1)


class ModelWatch:
    """Follows an alias: monitors the version that it points to, and changes over when it moves.

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
    ) -> None:
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
        self._known: tuple[str, str] | None = None
        self._former: list[ModelMonitor] = []
        self._dropped: int | None = None
        self._unanswered = ""
        self._served = ServedCounts(config, store, log)

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
            What the monitor did.

        Raises
        ------
        TrackingError
            If MLflow does not answer and no version is known yet; rows wait in the inference log meanwhile.
        """
        self._count_drops(now)
        if self._looked is None or (now - self._looked).total_seconds() >= self._recheck:
            self._look(now)
        assert self.monitor is not None  # noqa: S101  # _look raises otherwise
        self._served.tell([self.monitor.version, *(monitor.version for monitor in self._former)], now)
        steps = [monitor.advance(now) for monitor in (self.monitor, *self._former)]
        self._former = [monitor for monitor in self._former if not monitor.finished]
        return Advance.of(steps)

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
        except TrackingError as error:
            if self.monitor is None:
                raise
            if str(error) != self._unanswered:
                _log.warning(
                    "alias not looked up; the known version goes on",
                    subject=self.config.subject,
                    error=str(error),
                )
            self._unanswered = str(error)
        else:
            self._unanswered = ""
        self._looked = now

    def _follow(self, client: MlflowClient, now: datetime) -> None:
        """Take up the version that the alias points to, and its baseline, unless both are known."""
        model = self.config.model
        version = resolve_alias(client, model, self.config.alias)
        place = locate(client, model, version)
        if self._known == (version, place):
            return
        baseline = self._baseline(client, version)
        self._announce(version, place, now)
        self._store.baselines.put(baseline.row(self.config.subject, version, now))
        former = [*self._former, *self._left_behind(client, version, now)]
        self._former = [monitor for monitor in former if monitor.version != version]
        self.monitor = self._monitor(version, baseline)
        self._known = (version, place)
        self._link_back(client, version)

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

    def _left_behind(self, client: MlflowClient, version: str, now: datetime) -> list[ModelMonitor]:
        """Return monitors of versions with windows to judge or to measure, also from before a restart."""
        if self.monitor is not None and self.monitor.version != version:
            former = [self.monitor]
        else:
            begun = sorted(self._begun() - {version})
            former = [monitor for other in begun if (monitor := self._monitor_of(client, other)) is not None]
        for monitor in former:
            monitor.retire(now)
        return [monitor for monitor in former if not monitor.finished]

    def _begun(self) -> set[str]:
        at_work = {monitor.version for monitor in self._former}
        rows = self._store.windows.list(self.config.subject)
        return {row.version for row in rows if not row.closed or awaits_labels(row)} - at_work

    def _monitor_of(self, client: MlflowClient, version: str) -> ModelMonitor | None:
        try:
            baseline = self._baseline(client, version)
        except TrackingError as error:
            _log.warning("windows of an earlier version stay as they are", version=version, error=str(error))
            return None
        return self._monitor(version, baseline)

    def _baseline(self, client: MlflowClient, version: str) -> ModelBaseline:
        return watched_columns(load_baseline(client, self.config.model, version), self.config.columns)

    def _monitor(self, version: str, baseline: ModelBaseline) -> ModelMonitor:
        return ModelMonitor(self.config, version, baseline, self._store, self._rows, locale=self._locale)

    def _announce(self, version: str, place: str, now: datetime) -> None:
        known = self._store.baselines.get(self.config.subject)
        if known is not None and known.version != version:
            kind = "alias_moved"
            text = f"{self.config.alias} moved from version {known.version} to version {version}"
            data = {"from": known.version, "to": version}
        elif self._known is not None and not self._told_of(place):
            kind, text = "baseline_accepted", f"version {version} has a new baseline"
            data = {"version": version}
        else:
            return
        self._store.events.add(
            EventRow(subject=self.config.subject, time=now, kind=kind, text=text, data=data)
        )

    def _told_of(self, place: str) -> bool:
        """Say whether the last event about a baseline is that a person chose this one."""
        last = self._store.events.list(self.config.subject, kinds=["baseline_accepted"], limit=1)
        return bool(last) and last[0].data.get("baseline") == place


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
        within(_PATIENCE, lambda: asked.search_experiments(max_results=1))
    except Exception as error:  # any failure of a foreign client means the same here: it did not answer
        reason = server_name(f"{type(error).__name__}: {error}")  # an address in it may hold a password
        return Reading("mlflow_server_up", 0.0, now, {"server": server}, reason[:500])
    return Reading("mlflow_server_up", 1.0, now, {"server": server})
