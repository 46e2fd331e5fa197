"""From stored windows to the rows of both tables, one window at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import structlog

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.views.tables.columns import TableName, schema_of
from mirante.views.tables.drift import baseline_rows, consecutive_rows
from mirante.views.tables.profile import profile_rows
from mirante.views.tables.sliced import slice_profile, slice_verdicts

if TYPE_CHECKING:
    from mirante.store import Store, WindowRow
    from mirante.store.slicewindows import SliceWindowRow

__all__ = ["Counted", "batch_of", "rows_of", "walk"]

_INSTANT = timedelta(microseconds=1)
_BASELINES = 2  # in memory: while versions change, two of them have windows

_log = structlog.get_logger("mirante.tables")


@dataclass(frozen=True, slots=True)
class Counted:
    """A window with what it is compared with.

    Parameters
    ----------
    window : WindowRow
        Closed; its bytes are read already, and left out.
    profile : TableProfile or None
        None where it has none, or one that cannot be read.
    baseline : TableProfile or None
        Of its version, as the store has it now.
    before, compared : WindowRow, TableProfile, or None
        The window of the same version that ends where this one begins, and its profile; None where there is
        none, or one that was counted with another baseline.
    slices : tuple of SliceWindowRow
        Its declared slices, as they were judged.
    """

    window: WindowRow
    profile: TableProfile | None
    baseline: TableProfile | None
    before: WindowRow | None = None
    compared: TableProfile | None = None
    slices: tuple[SliceWindowRow, ...] = ()


def walk(
    store: Store, subject: str, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Counted]:
    """Yield the closed windows of a subject that begin in ``[since, until)``, by start and version.

    Parameters
    ----------
    store : Store
        Open.
    subject : str
        Such as ``model/churn@champion``.
    since, until : datetime, optional
        Half-open interval. The window before the first one is looked at, so that where it begins makes no
        difference to what is said of a window.

    Yields
    ------
    Counted
        Only the window, the one before it and two baselines are in memory, whatever the number of windows.
    """
    baselines: dict[str, TableProfile | None] = {}
    last: dict[str, tuple[WindowRow, TableProfile | None]] = {}
    seen: set[str] = set()
    sliced = store.slice_windows.any_of(subject)
    for window in store.windows.walk(subject, since=since, until=until):
        version = window.version
        if version not in baselines:
            kept = store.baselines.get(subject, version)
            baselines[version] = None if kept is None else _read(kept.profile, subject, version)
            if len(baselines) > _BASELINES:
                del baselines[next(iter(baselines))]
        profile = _shared(_read(window.profile, subject, version), baselines[version])
        if version not in seen:
            seen.add(version)
            earlier = store.windows.before(subject, version, window.start)
            if earlier is not None and earlier.end == window.start:
                last[version] = (earlier, _read(earlier.profile, subject, version))
        before, compared = last.get(version, (None, None))
        if before is None or before.end != window.start or not _alike(profile, compared):
            before = compared = None
        slices = _slices_of(store, window) if sliced else ()
        yield Counted(window, profile, baselines[version], before, compared, slices)
        last = {name: one for name, one in last.items() if one[0].end >= window.start and name != version}
        last[version] = (window, profile)


def _slices_of(store: Store, window: WindowRow) -> tuple[SliceWindowRow, ...]:
    slices = store.slice_windows.list(window.subject, since=window.start, until=window.start + _INSTANT)
    return tuple(one for one in slices if one.version == window.version)


def _alike(profile: TableProfile | None, compared: TableProfile | None) -> bool:
    return profile is not None and compared is not None and profile.layout.same(compared.layout)


def _read(data: bytes, subject: str, version: str) -> TableProfile | None:
    if not data:
        return None
    try:
        return TableProfile.from_bytes(data)
    except InputError as error:  # one window is no reason to say nothing of the others
        _log.warning("a profile cannot be read", subject=subject, version=version, error=str(error))
        return None


def _shared(profile: TableProfile | None, baseline: TableProfile | None) -> TableProfile | None:
    """Return a profile that shares the baseline's layout where it is the same, with all that was derived."""
    if profile is None or baseline is None or not baseline.layout.same(profile.layout):
        return profile
    return TableProfile(profile.rows, baseline.layout, profile.numbers, profile.categories)


def rows_of(table: TableName, counted: Counted) -> list[dict[str, Any]]:
    """Return the rows of one window in a table, as dicts by names of columns.

    Parameters
    ----------
    table : {"profile_metrics", "drift_metrics"}
        Which.
    counted : Counted
        From `walk`.
    """
    if table == "profile_metrics":
        return [*profile_rows(counted.window, counted.profile), *map(slice_profile, counted.slices)]
    rows = baseline_rows(counted.window, counted.profile, counted.baseline)
    for one in counted.slices:
        rows += slice_verdicts(one)
    if counted.before is not None and counted.compared is not None and counted.profile is not None:
        rows += consecutive_rows(counted.window, counted.profile, counted.before, counted.compared)
    return rows


def batch_of(table: TableName, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    r"""Return rows as Arrow has them.

    Parameters
    ----------
    table : {"profile_metrics", "drift_metrics"}
        Whose schema.
    rows : list of dict
        From `rows_of`.

    Returns
    -------
    pyarrow.RecordBatch
        Text that is no Unicode, from a damaged name, is written with backslashes.

    Examples
    --------
    >>> batch_of("drift_metrics", [{"feature": "age\udc80", "psi": 0.5}])["feature"].to_pylist()
    ['age\\udc80']
    """
    try:
        return pa.RecordBatch.from_pylist(rows, schema_of(table))
    except UnicodeEncodeError:
        return pa.RecordBatch.from_pylist([_encodable(row) for row in rows], schema_of(table))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {name: _encodable(one) for name, one in value.items()}
    return [_encodable(one) for one in value] if isinstance(value, list) else value
