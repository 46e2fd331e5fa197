"""Accepts what a model has seen as the new normal: stored windows, added up, become its baseline."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import structlog

from mirante.drift.monitor import DriftMonitor
from mirante.errors import ArchiveError, InputError
from mirante.i18n import Translator, format_number, translator
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.logged import check_enough, logged_rows
from mirante.monitors.sample import sample_of
from mirante.monitors.slices.baselines import SliceBaselines, chosen, count_slices
from mirante.profiles import TableProfile
from mirante.readings import split_subject
from mirante.store import ProposalRow
from mirante.store.proposals import ACCEPT_BASELINE, not_carried_out, proposal_event, signed
from mirante.tracking import baselines
from mirante.tracking.registry import alias_version

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

    from mirante.inference_log import InferenceLog
    from mirante.store import Store, WindowRow

__all__ = ["accepted_baseline", "ask_to_accept", "carry_out_acceptance", "windows_to_accept"]

_log = structlog.get_logger("mirante.acceptance")

_SUMMABLE = (
    "accuracy",
    "log_loss",
    "brier",
    "base_rate",
    "mae",
    "bias",
)  # means over rows: those of parts add up


def windows_to_accept(store: Store, subject: str, since: datetime, until: datetime) -> list[WindowRow]:
    """Return the closed windows with rows that lie in a range, with their profiles.

    Parameters
    ----------
    store : Store
        Has the windows.
    subject : str
        ``model/<name>@<alias>``.
    since, until : datetime
        Half-open; a window counts when it lies in it as a whole.

    Returns
    -------
    list of WindowRow
        Of one version and with the same columns, edges and levels, oldest first.

    Raises
    ------
    InputError
        If there are none, they are of several versions, or they were counted with several baselines.
    """
    if since >= until:
        raise InputError(f"the range ends at {until.isoformat()}, not after its start {since.isoformat()}")
    if split_subject(subject)[0] == "table":
        raise InputError(f"{subject} has its baseline in the config; change its entry there")
    every = store.windows.list(subject, since=since, until=until, with_profile=True)
    rows = [row for row in every if row.closed and row.rows and row.profile and row.end <= until]
    if not rows:
        raise InputError(
            f"{subject} has no closed window with rows from {since.isoformat()} to {until.isoformat()}; "
            "give a range that holds at least one"
        )
    versions = sorted({row.version for row in rows})
    if len(versions) > 1:
        raise InputError(
            f"the windows of {subject} in this range are of the versions {', '.join(versions)}; "
            "give a range in which one version served"
        )
    return rows


def _profiles(subject: str, rows: Sequence[WindowRow]) -> list[TableProfile]:
    if merged := [row for row in rows if row.verdicts.get("windows", 1) > 1]:
        raise InputError(
            f"the windows of {subject} until {merged[-1].end.isoformat()} are one for each day by now "
            "(retention.hourly), which says nothing of windows; give a range that begins later"
        )
    profiles = [TableProfile.from_bytes(row.profile) for row in rows]
    if not all(profile.layout.same(profiles[0].layout) for profile in profiles):
        profiles = [profile.coarser() for profile in profiles]  # older ones are so already
    for row, profile in zip(rows, profiles, strict=True):
        if not profile.layout.same(profiles[0].layout):
            raise InputError(
                f"the windows of {subject} in this range were counted with two baselines (the one from "
                f"{row.start.isoformat()} on has other columns, edges or levels); give a range without the "
                "change"
            )
    return profiles


def ask_to_accept(
    store: Store,
    subject: str,
    since: datetime,
    until: datetime,
    *,
    author: str,
    reason: str,
    now: datetime,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> ProposalRow:
    """Write down that a person wants a range of windows to be the baseline; the service carries it out.

    Parameters
    ----------
    store : Store
        Has the windows.
    subject : str
        ``model/<name>@<alias>``.
    since, until : datetime
        As for `windows_to_accept`.
    author, reason : str
        Who, and why; not empty.
    now : datetime
        The present.
    new_id : callable
        Makes the id.

    Returns
    -------
    ProposalRow
        In the state ``approved``.

    Raises
    ------
    InputError
        If the range will not do, or another one of this subject is waiting.
    """
    author, reason = signed(author, reason)
    rows = windows_to_accept(store, subject, since, until)
    _profiles(subject, rows)
    data = {
        "since": rows[0].start.isoformat(),
        "until": rows[-1].end.isoformat(),
        "version": rows[0].version,
        "windows": len(rows),
        "rows": sum(row.rows for row in rows),
    }
    row = ProposalRow(
        new_id(),
        ACCEPT_BASELINE,
        subject,
        "approved",
        now,
        text=f"windows from {data['since']} to {data['until']} become the baseline of {data['version']}",
        data=data,
        decided_at=now,
        author=author,
        reason=reason,
    )
    with store.transaction() as connection:
        waiting = store.proposals.list(subject=subject, states=["approved", "undoing"], connection=connection)
        if any(other.kind == ACCEPT_BASELINE for other in waiting):
            raise InputError(f"another baseline of {subject} waits to be written; ask again when it is done")
        store.proposals.add(row, connection=connection)
    return row


def accepted_baseline(
    former: ModelBaseline,
    rows: Sequence[WindowRow],
    subject: str,
    *,
    author: str,
    reason: str,
    log: InferenceLog | None = None,
) -> ModelBaseline:
    """Return the baseline that windows make, added up.

    Parameters
    ----------
    former : ModelBaseline
        The one that they were judged with. Its outlier threshold, task, alarm budget and floor stay: rows
        cannot be had from profiles. So does its estimator of performance, which was learnt from labels.
    rows : sequence of WindowRow
        As `windows_to_accept` gives them.
    subject : str
        Named in errors.
    author, reason : str
        Who accepts, and why.
    log : InferenceLog, optional
        Has the windows' rows. Where the former baseline may keep rows, as many of theirs are kept with the
        new one. Without a log, or when it has not all of them any more, none are: the former one's rows are
        another normal. In the same way its slices are counted anew in these rows, or left out. Columns that
        are not watched (``columns:``) are counted in these rows too.

    Returns
    -------
    ModelBaseline
        Its profile is the exact sum of the windows' profiles, and its own windows are these windows.

    Raises
    ------
    InputError
        If the windows have other columns than the former baseline; or fewer, since ``columns:`` of the config
        leaves some out, and their rows are not in the log any more.
    """
    profiles = _whole(former, rows, _profiles(subject, rows), subject, log)
    total = profiles[0]
    for profile in profiles[1:]:
        total = total + profile
    if _kinds(total) != _kinds(former.profile):
        raise InputError(
            f"the windows of {subject} in this range have other columns than its baseline: "
            f"{', '.join(sorted(_kinds(total) ^ _kinds(former.profile)))}; write a baseline from a file: "
            "mirante baseline create MODEL --data FILE"
        )
    zone = ZoneInfo(str(rows[0].verdicts.get("timezone", "UTC")))
    drift = DriftMonitor(
        total,
        own_windows=profiles,
        own_starts=[row.start.astimezone(zone).replace(tzinfo=None) for row in rows],
        alarm_budget=former.drift.alarm_budget,
        window=former.drift.window,
        floor=former.drift.floor,
        kind=former.drift.kind,
        pooled=former.drift.pooled,
    )
    about = {
        **{name: value for name, value in former.about.items() if name != "reliability"},
        "source": "accepted windows",
        "rows": total.rows,
        "windows": len(rows),
        "first_time": rows[0].start.isoformat(),
        "last_time": rows[-1].end.isoformat(),
        "accepted_since": rows[0].start.isoformat(),
        "accepted_by": author,
        "accepted_because": reason,
    }
    performance = MappingProxyType(_performance(rows))
    return replace(
        former,
        profile=total,
        drift=drift,
        performance=performance,
        about=MappingProxyType(about),
        sample=None if log is None else _sample(former, total, rows, subject, log),
        slices=None if log is None else _slices(former, total, rows, profiles, subject, log),
    )


def _whole(
    former: ModelBaseline,
    rows: Sequence[WindowRow],
    profiles: list[TableProfile],
    subject: str,
    log: InferenceLog | None,
) -> list[TableProfile]:
    """Return the profiles of windows with the columns that were not watched, counted in their rows."""
    left_out = sorted(_kinds(former.profile) - _kinds(profiles[0]))
    if not left_out or not _kinds(profiles[0]) < _kinds(former.profile):
        return profiles
    try:
        if log is None:
            raise InputError("the model has no inference log")
        return [
            TableProfile.of(_rows_of(row, profile, former, subject, log), like=former.profile)
            for row, profile in zip(rows, profiles, strict=True)
        ]
    except (InputError, ArchiveError) as error:
        raise InputError(
            f"columns: in the config leaves {', '.join(left_out)} out of the windows of {subject}, and a "
            f"baseline has all columns. They cannot be counted in the rows: {error}. Choose windows whose "
            "rows are still there, or write a baseline from a file: mirante baseline create MODEL --data FILE"
        ) from error


def _rows_of(
    row: WindowRow, counted: TableProfile, former: ModelBaseline, subject: str, log: InferenceLog
) -> pa.Table:
    """Return the rows of a window as far as the log has them, with the columns of a baseline."""
    most, model = max(counted.rows, 1), split_subject(subject)[1]
    nothing, said = TableProfile.empty(former.profile), former.predictions
    found = logged_rows(log, model, row.version, row.start, row.end, nothing, said, most)
    check_enough(log, found.num_rows, counted.rows, most, row.start, row.end)
    return found


def _sample(
    former: ModelBaseline, total: TableProfile, rows: Sequence[WindowRow], subject: str, log: InferenceLog
) -> pa.Table | None:
    """Return some of the windows' rows; None where none may be kept or the log cannot give them."""
    model = split_subject(subject)[1]
    try:
        most = int(former.about.get("sample_rows", 0))
        if most < 1:
            return None
        first, last = rows[0], rows[-1]
        said = former.predictions
        found = logged_rows(log, model, first.version, first.start, last.end, total, said, most)
        return sample_of(found, total)
    except Exception as error:  # the new normal holds without them; its notices name no slices
        _log.warning("the accepted baseline keeps no rows", subject=subject, error=str(error))
        return None


def _slices(
    former: ModelBaseline,
    total: TableProfile,
    rows: Sequence[WindowRow],
    profiles: Sequence[TableProfile],
    subject: str,
    log: InferenceLog,
) -> SliceBaselines | None:
    """Return the former baseline's slices in the windows' rows, read window by window; None without rows."""
    declared = former.slices
    if declared is None:
        return None
    model, said = split_subject(subject)[1], former.predictions

    def tables() -> Iterator[tuple[datetime, pa.Table]]:
        for row, profile in zip(rows, profiles, strict=True):
            zone = ZoneInfo(str(row.verdicts.get("timezone", "UTC")))
            most = max(row.rows, 1)
            found = logged_rows(log, model, row.version, row.start, row.end, profile, said, most)
            yield row.start.astimezone(zone).replace(tzinfo=None), found

    kept = chosen(range(len(rows)))
    try:
        return count_slices(declared.entries, total, tables(), kept=set(kept), thinned=len(kept) < len(rows))
    except Exception as error:  # the new normal holds without them; the monitor says which are not judged
        _log.warning("the accepted baseline has no slices", subject=subject, error=str(error))
        return None


def _kinds(profile: TableProfile) -> set[str]:
    layout = profile.layout
    return {f"{name} (numeric)" for name in layout.numeric} | {
        f"{name} (categorical)" for name in layout.categorical
    }


def _performance(rows: Sequence[WindowRow]) -> dict[str, float]:
    """Return the measures that are means over labelled rows, over all windows."""
    found = [row.verdicts["performance"] for row in rows if row.verdicts.get("performance")]
    totals: dict[str, float] = {}
    for name in _SUMMABLE:
        known = [one for one in found if one.get(name) is not None and one.get("labels")]
        labels = sum(one["labels"] for one in known)
        if labels:
            totals[name] = sum(one[name] * one["labels"] for one in known) / labels
    return totals


def carry_out_acceptance(
    store: Store,
    client: MlflowClient,
    row: ProposalRow,
    now: datetime,
    *,
    locale: str = "en",
    log_of: Callable[[str], InferenceLog | None] = lambda _: None,
) -> ProposalRow:
    """Write the accepted baseline beside the model version, or go back to the former one.

    The monitor takes up what the version's tag points to when it looks the alias up the next time. May be
    called again after it was cut short: the place of the former baseline is in the store before anything is
    written.

    Parameters
    ----------
    store : Store
        Has the windows and the proposal.
    client : mlflow.MlflowClient
        Of the server that has the model.
    row : ProposalRow
        In the state ``approved`` or ``undoing``.
    now : datetime
        The present.
    locale : str
        Language of the event.
    log_of : callable
        Gives the inference log of a subject, which has the rows for the baseline's sample.

    Returns
    -------
    ProposalRow
        In the state ``done``, ``failed`` or ``undone``; or ``done`` with a problem, when it cannot be undone.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    _kind, model, alias = split_subject(row.subject)
    version = row.data["version"]
    try:
        if row.state == "undoing":
            return _undo(store, client, row, model, now, translator(locale))
        present = alias_version(client, model, alias)
        if present != version:
            raise InputError(
                f"the windows are of version {version}, and {alias} points to {present or 'none'} by now; "
                "give a range of its own"
            )
        return _accept(store, client, row, model, now, translator(locale), log_of(row.subject))
    except InputError as error:
        after = not_carried_out(row, str(error), now)
        _record(store, after, row.state, "proposal_failed", str(error))
        return after


def _accept(
    store: Store,
    client: MlflowClient,
    row: ProposalRow,
    model: str,
    now: datetime,
    _: Translator,
    log: InferenceLog | None,
) -> ProposalRow:
    since, until = (datetime.fromisoformat(row.data[key]) for key in ("since", "until"))
    version, author, reason = row.data["version"], row.author or "", row.reason or ""
    rows = windows_to_accept(store, row.subject, since, until)
    if rows[0].version != version:
        raise InputError(f"the windows are of version {rows[0].version}, and not of {version} any more")
    if "former" not in row.data:
        # Known before anything is written, so that a second try does not take our own for the former one.
        row = replace(row, data={**row.data, "former": baselines.locate(client, model, version)})
        store.proposals.move(row, was="approved")
    former = ModelBaseline.from_files(baselines.load(client, model, version, folder=row.data["former"]))
    accepted = accepted_baseline(former, rows, row.subject, author=author, reason=reason, log=log)
    place = publish_baseline(client, model, version, accepted)
    done = replace(row, state="done", decided_at=now, data={**row.data, "baseline": place, "problem": ""})
    text = _(
        "%(author)s accepted %(windows)s windows (%(rows)s rows) as the baseline of version %(version)s: "
        "%(reason)s",
        author=author,
        windows=len(rows),
        rows=format_number(accepted.profile.rows, _.locale),
        version=version,
        reason=reason,
    )
    undo = {"command": f"mirante proposals undo {row.id}", "baseline": row.data["former"]}
    _record(store, done, "approved", "baseline_accepted", text, baseline=place, undo=undo)
    return done


def _undo(
    store: Store, client: MlflowClient, row: ProposalRow, model: str, now: datetime, _: Translator
) -> ProposalRow:
    version, former = row.data["version"], row.data["former"]
    present = baselines.locate(client, model, version)
    if present not in (row.data["baseline"], former):
        raise InputError(f"version {version} has had another baseline since ({present}); it was not changed")
    if present != former:
        baselines.point(client, model, version, former)
    undone = replace(row, state="undone", decided_at=now, data={**row.data, "problem": ""})
    text = _(
        "%(author)s went back to the former baseline of version %(version)s: %(reason)s",
        author=row.author,
        version=version,
        reason=row.reason,
    )
    _record(store, undone, "undoing", "baseline_accepted", text, baseline=former)
    return undone


def _record(store: Store, row: ProposalRow, was: str, kind: str, text: str, **details: Any) -> None:
    event = proposal_event(row, kind, text, version=row.data["version"], **details)
    store.proposals.move(row, was=was, event=event)
