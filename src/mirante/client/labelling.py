"""Saying what turned out to be true, for predictions whose ids are known."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from numbers import Integral
from pathlib import Path
from typing import Any
from uuid import UUID

from mirante.client.connecting import backend_at
from mirante.client.labeltables import is_table, labels_of
from mirante.client.service import ServiceBackend
from mirante.client.stored import StoreBackend
from mirante.errors import InputError, MiranteWarning

__all__ = ["label", "models_at"]


def label(
    id: str | Sequence[str] | Any,  # noqa: A002 - the word that callers know
    value: Any,
    *,
    model: str | None = None,
    at: str | Path | None = None,
    token: str | None = None,
    time: datetime | Sequence[datetime] | str | None = None,
    arrived: datetime | None = None,
    id_column: str = "id",
) -> int:
    """Write the true value of a prediction, or of many, so that performance can be computed.

    Labels may come in any order, late, again, and before their prediction. One that is written later replaces
    that of the same id; one that says what is known already changes nothing.

    Parameters
    ----------
    id : str, sequence of str, table or Path
        The prediction's id: what ``X-Prediction-Id`` said, or what `Recorder.log` returned. Or a table
        (pandas, Polars, Arrow), or the path of a file (CSV, Parquet, Arrow), with a label in each row.
    value : number, text, or sequence of them
        What turned out to be true; one for each id, and numbers finite. Of a table: the name of the column;
        rows without a label are left out.
    model : str, optional
        Name of the model; needed unless exactly one has readings or a baseline.
    at : str or Path, optional
        Where the labels go: a running service's address, a store, or a config; what `connect` takes.
    token : str, optional
        Of the service; ``MIRANTE_TOKEN`` by default.
    time : datetime or sequence of datetime, optional
        When it became known, all of them or each; now when not given. Of a table: the name of a column.
    arrived : datetime, optional
        Another name of `time`.
    id_column : str, default "id"
        Of a table: the name of the column of ids.

    Returns
    -------
    int
        How many labels were written. A `MiranteWarning` says so where there are models, but not this one: its
        labels are kept.

    Raises
    ------
    InputError
        If it is not clear which model is meant or its name is empty, there are not as many values or times as
        ids, an id is blank, a value is neither text nor a finite number, or a table lacks a column. Nothing
        is written then.
    StoreError
        If they cannot be written, or the service does not answer.

    Examples
    --------
    >>> import tempfile
    >>> from mirante import Store, label
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Store(f"sqlite:///{folder}/mirante.db").close()
    ...     label("order-17", 1.0, model="churn", at=f"{folder}/mirante.db")
    ...     label(["order-18", "order-19"], [0.0, 1.0], model="churn", at=f"{folder}/mirante.db")
    1
    2
    """
    if time is not None and arrived is not None:
        raise InputError("got both time and arrived, which are one thing; give time")
    when = arrived if time is None else time
    if is_table(id):
        return _label_table(id, value, when, id_column, model, at, token)
    if isinstance(id, str):
        ids, given = _ids([id]), [value]
    else:
        ids = _ids(_listed(id, "ids", "text such as 'order-17', or a list of such"))
        given = _listed(value, "values for many ids", "a list with one for each")
    values = _values(ids, given)
    times = _when(when, len(ids))
    return _send(ids, values, times, model, at, token) if ids else 0


def models_at(at: str | Path | None = None, token: str | None = None) -> list[str]:
    """Return the models that a service or a store knows, or the config there names, in order of their names.

    Parameters
    ----------
    at, token : str, optional
        As in `label`.
    """
    backend = backend_at(at, token)
    try:
        named = backend.named if isinstance(backend, StoreBackend) else ()
        return sorted({*backend.models(), *named})
    finally:
        backend.close()


def _label_table(
    table: Any,
    value: Any,
    when: Any,
    id_column: str,
    model: str | None,
    at: str | Path | None,
    token: str | None,
) -> int:
    if not isinstance(value, str):
        raise InputError(f"got {_shown(value)} as the labels of a table; give the name of their column")
    column = when if isinstance(when, str) else None
    found = labels_of(table, id=id_column, label=value, time=column)
    times: Any = found.times if column is not None else _when(when, len(found.ids))
    return _send(found.ids, found.values, times, model, at, token) if found.ids else 0


def _when(given: Any, count: int) -> datetime | list[datetime]:
    if given is None:
        return datetime.now(UTC)
    times = (
        [given] if isinstance(given, datetime) else _listed(given, "times", "a datetime, or one for each id")
    )
    odd = next((one for one in times if not isinstance(one, datetime) or one.tzinfo is None), None)
    if odd is not None or any(one != one for one in times):
        raise InputError(f"got {_shown(odd)} as a time; give a datetime with a time zone")
    if isinstance(given, datetime):
        return given
    if len(times) != count:
        raise InputError(f"got {count} ids and {len(times)} times; give one time for each id")
    return times


def _send(
    ids: Sequence[str],
    values: Sequence[float | str],
    times: datetime | list[datetime],
    model: str | None,
    at: str | Path | None,
    token: str | None,
) -> int:
    if model is not None and not (isinstance(model, str) and model.strip()):
        raise InputError(f"got {_shown(model)} as the model; give the name that its predictions have")
    backend = backend_at(at, token)
    try:
        known = model if model is not None else _only_model(backend)
        written, doubt = backend.write_labels(known, ids, values, times)
    finally:
        backend.close()
    if doubt is not None and doubt.nearest:
        warnings.warn(doubt.sentence, MiranteWarning, stacklevel=3)
    return written


def _listed(given: Any, what: str, needed: str) -> list[Any]:
    """Return what a sequence, an array or a column holds; a text is one value, and a set has no order."""
    listed = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(listed, Iterable) or isinstance(listed, str | bytes | bytearray | Mapping | Set):
        raise InputError(f"got {_shown(given)} as {what}; give {needed}")
    return list(listed)


def _ids(given: list[Any]) -> list[str]:
    for one in given:
        if isinstance(one, bool) or not isinstance(one, str | Integral | UUID):
            raise InputError(f"got {_shown(one)} as an id; give what `Recorder.log` or X-Prediction-Id said")
        if isinstance(one, str) and not one.strip():
            raise InputError(f"got {one!r} as an id, which is blank; give what X-Prediction-Id said")
    return [str(one) for one in given]


def _values(ids: Sequence[str], given: list[Any]) -> list[float | str]:
    if len(ids) != len(given):
        raise InputError(f"got {len(ids)} ids and {len(given)} values; give one value for each id")
    return [_value(*pair) for pair in zip(ids, given, strict=True)]


def _value(id: str, given: Any) -> float | str:  # noqa: A002 - as above
    if isinstance(given, str):
        return given
    try:
        number = math.nan if isinstance(given, bytes | bytearray) else float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            f"got {_shown(given)} as the value of {id[:60]!r}; give a finite number or text, "
            "and leave out predictions of which the truth is not known yet"
        )
    return number


def _shown(given: Any) -> str:
    try:
        text = repr(given)
    except Exception:  # a whole number of more than 4,300 digits, or what cannot show itself
        text = "one that cannot be shown"
    return f"{text[:60]} ({type(given).__name__})"


def _only_model(backend: ServiceBackend | StoreBackend) -> str:
    models = backend.models()
    if len(models) == 1:
        return models[0]
    there = ", ".join(repr(name) for name in models[:10]) or "none yet"
    raise InputError(f"say which model it is, as model=; {backend.name} has readings of: {there}")
