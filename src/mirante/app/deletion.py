"""Deleting rows of people from inference logs, and what the store keeps of them, in one call."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.errors import ArchiveError, ConfigError, InputError
from mirante.inference_log.gathering import VERSION
from mirante.inference_log.reader import InferenceLog
from mirante.store import Store

if TYPE_CHECKING:
    from mirante.app.settings import Settings
    from mirante.capture.privacy import Privacy
    from mirante.inference_log.deletion import Deletion

__all__ = ["DeletedRows", "delete_from_logs", "logs_of", "privacy_of"]

_HASH = re.compile(r"[0-9a-f]{32}")  # as `Privacy` writes it
_LOOKED_AT = 100
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)
_RIGHT = "give this user the right to read and write there"

NOT_REMOVED = (
    "Not removed, since no row can be told from them: counts of windows and baselines, readings, verdicts.",
    "Not removed, since they are not Mirante's to rewrite: the sample of a baseline's rows in MLflow "
    "(sample.parquet; write the baseline again), exports, backups, notices that were sent.",
)
"""What a deletion leaves, for people."""


@dataclass(frozen=True, slots=True)
class DeletedRows:
    """What became of a deletion, by log.

    Parameters
    ----------
    logs : mapping of Path to Deletion
        What was done in each.
    store : str, optional
        Name of the store that was looked at; None when there is none.
    unkeyed : tuple of Path
        Logs whose newest rows have what looks like hashes in the column, while the config has no key for it:
        rows that were hashed could not be found.
    """

    logs: Mapping[Path, Deletion]
    store: str | None
    unkeyed: tuple[Path, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing waits, and everything could be searched."""
        return not self.unkeyed and all(done.finished and not done.unread for done in self.logs.values())


def logs_of(settings: Settings, given: Path | None, archive: str | None = None) -> list[InferenceLog]:
    """Return the logs that are meant: the one that is given, else those of the config.

    Parameters
    ----------
    settings : Settings
        Checked.
    given : Path, optional
        A folder.
    archive : str, optional
        URL of the log's archive; that of the config when not given.

    Raises
    ------
    InputError
        If none of them is there, or the archive is for several.
    """
    roots = (
        [given]
        if given
        else [*dict.fromkeys([*(model.log for model in settings.models), *_default(settings)])]
    )
    if archive is not None and len(roots) != 1:
        raise InputError(f"{len(roots)} logs are meant and one archive is given; name the folder with --log")
    logs = [InferenceLog(root, archive or settings.archive_of(root)) for root in roots]
    there = [log for log in logs if log.root.is_dir() or log.archive is not None]
    if not there:
        said = ", ".join(map(str, roots))
        raise InputError(
            f"there is no inference log at {said}; name the folder with --log, or a config with -c"
        )
    return there


def _default(settings: Settings) -> list[Path]:
    return [settings.default_log] if settings.discover or not settings.models else []


def delete_from_logs(
    settings: Settings,
    logs: Sequence[InferenceLog],
    values: Collection[str],
    *,
    column: str,
    models: Sequence[str] | None,
    by: str,
    wait: float,
) -> DeletedRows:
    """Delete rows, their labels, and what windows keep of them.

    Parameters
    ----------
    settings : Settings
        Name the store, and the keys of hashed columns.
    logs : sequence of InferenceLog
        Where the rows are.
    values : collection of str
        What is looked for in the column.
    column : str
        ``__id``, or a column of the input.
    models : sequence of str, optional
        Only of these.
    by : str
        Who deletes.
    wait : float
        Seconds to wait for recorders.

    Returns
    -------
    DeletedRows

    Raises
    ------
    InputError
        As `InferenceLog.delete` does; and if no segment has the column.
    ConfigError
        If the key of a hashed column is needed and cannot be read.
    """
    keys = _keys(settings, column)
    try:
        _check_column(settings, logs, column, models)
        unkeyed = [] if keys else [log.root for log in logs if _looks_hashed(log, values, column, models)]
    except OSError as error:
        raise InputError(f"{_said(error, logs)}, so nothing is deleted; {_mend(error)}") from error

    def digests(value: str) -> Iterable[str]:
        return [found for privacy in keys if (found := privacy.digest(value)) is not None]

    store = _store(settings)
    try:
        forget = store.forget if store is not None else lambda _model, _ids: {}
        for log in logs:
            log.carry_out(forget)  # what an earlier one could not end
        done = {
            log.root: log.delete(
                values, column=column, models=models, by=by, forget=forget, digests=digests, wait=wait
            )
            for log in logs
        }
        return DeletedRows(done, None if store is None else store.name, tuple(unkeyed))
    except OSError as error:  # rows go by writing a segment anew, which takes room
        raise InputError(f"{_said(error, logs)}, so not all rows are deleted; {_mend(error)}") from error
    finally:
        if store is not None:
            store.close()


def _said(error: OSError, logs: Sequence[InferenceLog]) -> str:
    place = error.filename or ", ".join(str(log.root) for log in logs)
    what = "written" if error.errno in _NO_ROOM else "read or written"
    return f"{place} cannot be {what} ({error.strerror or error})"


def _mend(error: OSError) -> str:
    known = {**dict.fromkeys(_NO_ROOM, "make room"), **dict.fromkeys(_NO_RIGHT, _RIGHT)}
    return f"{known.get(error.errno or 0, 'mend that')}, then run the same deletion again"


def _models(log: InferenceLog, models: Sequence[str] | None) -> list[str]:
    return sorted({model for model, _ in log.models() if models is None or model in models})


def _check_column(
    settings: Settings, logs: Sequence[InferenceLog], column: str, models: Sequence[str] | None
) -> None:
    """Refuse a column that no segment has: nothing would go, and the person would be taken for deleted."""
    names: dict[str, None] = {}
    try:
        for log in logs:
            for model in _models(log, models):
                names |= dict.fromkeys(log.batches(model)[0].names)
    except ArchiveError:  # what is in it cannot be told now; the request is kept
        return
    names.pop(VERSION, None)  # a folder, and in no file
    if not names or column in names:
        return
    if any(column in one.privacy.drop for one in settings.models):
        raise InputError(f"the column {column!r} is dropped when rows are recorded, so no row has it")
    known = ", ".join(map(repr, names))
    raise InputError(f"no segment has the column {column!r}, so no row can be found by it; there are {known}")


def _looks_hashed(
    log: InferenceLog, values: Collection[str], column: str, models: Sequence[str] | None
) -> bool:
    """Return whether the newest rows of a model have hashes in a column, and a value is none itself."""
    if column == "__id" or all(map(_HASH.fullmatch, values)):
        return False
    with suppress(ArchiveError):
        for model in _models(log, models):
            newest = log.newest(model, _LOOKED_AT)
            found = newest[column].drop_null().to_pylist() if column in newest.column_names else []
            if found and all(isinstance(value, str) and _HASH.fullmatch(value) for value in found):
                return True
    return False


def _keys(settings: Settings, column: str) -> list[Privacy]:
    return [
        found
        for config in settings.models
        if column in config.privacy.hash and (found := privacy_of(settings, config.model, config.alias))
    ]


def privacy_of(settings: Settings, model: str, alias: str) -> Privacy | None:
    """Return what the config drops and hashes of a model; None when it does not name the model.

    Parameters
    ----------
    settings : Settings
        Checked.
    model, alias : str
        Which model.

    Raises
    ------
    ConfigError
        If the key of hashed columns cannot be read.
    """
    for config in settings.models:
        if (config.model, config.alias) == (model, alias):
            try:
                return config.privacy.build(settings.folder)
            except ConfigError as error:
                raise ConfigError(f"privacy of model {model!r}: {error}") from None
    return None


def _store(settings: Settings) -> Store | None:
    try:
        return Store.existing(settings.store_address())
    except InputError:
        return None
