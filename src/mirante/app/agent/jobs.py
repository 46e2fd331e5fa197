"""What the agent counts: the service says it, and the last that it said is kept for when it is away."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import TypeAdapter

from mirante.app.agent.centre import AwayError, Centre
from mirante.app.agent.counting import VersionCounter, job_key, kept_mark
from mirante.app.agent.files import DamagedError, read_checked, write_checked
from mirante.inference_log import InferenceLog
from mirante.inference_log.names import quote_name
from mirante.web.api.agent_models import AgentJob

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.slices.resolving import Resolved

__all__ = ["Jobs"]

_log = structlog.get_logger("mirante.agent")
_FORM = 1
_LIST = TypeAdapter(list[AgentJob])


class Jobs:
    """The counters of all versions that are watched and have rows in a log.

    Parameters
    ----------
    centre : Centre
        Says what is to be counted.
    log : Path
        Folder of the inference log.
    folder : Path
        For what the counters keep, and the baselines.

    Attributes
    ----------
    settled : bool
        Whether all that is to be counted was known once since the start; before, marks may be missing.
    """

    def __init__(self, centre: Centre, log: Path, folder: Path) -> None:
        self._centre, self._root, self._log, self._folder = centre, log, InferenceLog(log), folder
        folder.mkdir(parents=True, exist_ok=True)
        self.counters: dict[tuple[str, str], VersionCounter] = {}
        self._how: dict[tuple[str, str], AgentJob] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._left: dict[tuple[str, str], datetime | None] = {}  # how far what cannot be taken up was counted
        self.settled = False
        self._absent, self._absent_told = "", False
        self._known = self._kept()

    def refresh(self) -> None:
        """Ask the service what to count, and take up what is new; what it said last holds while it is away.

        Raises
        ------
        AwayError
            If it is away, after the last that it said was taken up, as far as that is known here.
        OSError
            If the log cannot be read; what is counted stays as it is.
        """
        away: AwayError | None = None
        try:
            jobs = self._centre.jobs()
        except AwayError as error:
            away, jobs = error, self._known
        else:
            if jobs != self._known:
                write_checked(self._folder / "jobs.json", _LIST.dump_json(jobs), _FORM)
                self._known = jobs
        recorded = self._recorded()
        # what was counted stays while it is watched: a folder that is away for a moment ends nothing
        wanted = {job_key(job): job for job in jobs if job.model in recorded or job_key(job) in self.counters}
        for key in self.counters.keys() - wanted.keys():
            if away is None:
                self.counters.pop(key).remove()
                self._how.pop(key)
        self._told = {key: trouble for key, trouble in self._told.items() if key in wanted}
        left = {}
        for key, job in wanted.items():
            if not self._same(key, job):
                try:
                    self._take_up(key, job)
                    continue
                except AwayError as error:
                    if away is None:  # the service is there: it is this baseline that does not come
                        self._tell(key, str(error))
                except Exception as error:  # one model that cannot be counted stops no other
                    self._tell(key, f"{type(error).__name__}: {error}")
                left[key] = kept_mark(self._folder, key)
        self._left = left
        self.settled = self.settled or away is None or bool(wanted and wanted.keys() <= self.counters.keys())
        if away is not None:
            raise away

    def _recorded(self) -> set[str]:
        """Return the models that the log has; none where no recorder has made it yet."""
        self._absent = ""
        try:
            _need(self._root, "mend `log`, mount it, or let mirante.Recorder make it")
        except FileNotFoundError as error:
            if self.counters or any(self._folder.glob("*.state")):  # it was there before
                raise
            self._absent = str(error)
            if not self._absent_told:
                _log.warning("no inference log", error=self._absent)
            self._absent_told = True
            return set()
        return {model for model, _ in self._log.models()}

    def advance(self, key: tuple[str, str], now: datetime) -> list[dict[str, Any]]:
        """Return the windows of a version that are over and not sent, as `VersionCounter.advance` does.

        Parameters
        ----------
        key : tuple of str
            Subject and version.
        now : datetime
            The present.

        Raises
        ------
        OSError
            If its folder in the log is not there any more, or cannot be read.
        """
        folder = self._root / quote_name(self._how[key].model)
        _need(folder, "mount it; if it was removed for good, start the agent anew")
        return self.counters[key].advance(now)

    def marks(self) -> dict[tuple[str, str], datetime]:
        """Return how far each version is counted, or was, where it cannot be taken up now."""
        found = dict(self._left)  # first: what is taken up meanwhile is among the counters by then
        found |= {key: counter.mark for key, counter in list(self.counters.items())}
        return {key: mark for key, mark in found.items() if mark is not None}

    def troubles(self) -> list[str]:
        """Return why what is watched is not counted here, one sentence each; nothing where nothing is."""
        told = [f"{key[0]} version {key[1]}: {trouble}" for key, trouble in self._told.items()]
        return [self._absent, *told] if self._absent and self._known else told

    def _same(self, key: tuple[str, str], job: AgentJob) -> bool:
        known = self._how.get(key)
        ignored = {"since"}  # it moves on while windows are judged
        return known is not None and known.model_dump(exclude=ignored) == job.model_dump(exclude=ignored)

    def _take_up(self, key: tuple[str, str], job: AgentJob) -> None:
        baseline, slices = self._baseline(job.digest)
        self.counters[key] = VersionCounter(job, baseline, self._log, self._folder, slices)
        self._how[key] = job
        self._told.pop(key, None)
        _log.info("counts the windows of a model", subject=job.subject, version=job.version)

    def _tell(self, key: tuple[str, str], trouble: str) -> None:
        """Say why a model is not counted, once: it is tried again at each look."""
        if self._told.get(key) != trouble:
            self._told[key] = trouble
            _log.warning("a model cannot be counted", subject=key[0], version=key[1], error=trouble)

    def _baseline(self, digest: str) -> tuple[ModelBaseline, Resolved | None]:
        from mirante.monitors.baseline import ModelBaseline
        from mirante.monitors.slices.sending import OFFERED_SLICES, offered_slices

        path = self._folder / f"{digest}.baseline"
        try:
            kept = {name: bytes.fromhex(data) for name, data in json.loads(read_checked(path)[2]).items()}
        except (FileNotFoundError, DamagedError):
            kept = self._centre.baseline(digest)
            body = json.dumps({name: data.hex() for name, data in kept.items()}).encode()
            write_checked(path, body, _FORM)
        slices = kept.get(OFFERED_SLICES)
        return ModelBaseline.from_files(kept), None if slices is None else offered_slices(slices)

    def _kept(self) -> list[AgentJob]:
        try:
            return _LIST.validate_json(read_checked(self._folder / "jobs.json")[2])
        except (FileNotFoundError, ValueError):  # damaged, or of another version: the service says it again
            return []


def _need(folder: Path, advice: str) -> None:
    """Refuse a folder that is away: it would look like one without rows, and windows would lack them."""
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {str(folder)!r} is not there, so nothing is counted: {advice}")
    next(folder.iterdir(), None)  # raises where it may not be read
