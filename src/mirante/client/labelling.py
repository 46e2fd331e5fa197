"""Saying what turned out to be true, for predictions whose ids are known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirante.client.connecting import backend_at
from mirante.client.service import ServiceBackend
from mirante.client.stored import StoreBackend
from mirante.errors import InputError
from mirante.readings import split_subject

__all__ = ["label"]


def label(
    id: str | Sequence[str],  # noqa: A002 - the word that callers know
    value: Any,
    *,
    model: str | None = None,
    at: str | Path | None = None,
    token: str | None = None,
    arrived: datetime | None = None,
) -> int:
    """Write the true value of a prediction, or of many, so that performance can be computed.

    Parameters
    ----------
    id : str or sequence of str
        The prediction's id: what ``X-Prediction-Id`` said, or what `Recorder.log` returned.
    value : number, text, or sequence of them
        What turned out to be true; one for each id. A later label for the same id replaces the earlier one.
    model : str, optional
        Name of the model; needed where more than one is monitored.
    at : str or Path, optional
        Where the labels go: a running service's address, a store, or a config; what `connect` takes.
    token : str, optional
        Of the service; ``MIRANTE_TOKEN`` by default.
    arrived : datetime, optional
        When it became known; now when not given.

    Returns
    -------
    int
        How many labels were written.

    Raises
    ------
    InputError
        If it is not clear which model is meant, or there are not as many values as ids.
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
    ids = [id] if isinstance(id, str) else [str(one) for one in id]
    values = _values([value] if isinstance(id, str) else value)
    if len(ids) != len(values):
        raise InputError(f"got {len(ids)} ids and {len(values)} values; give one value for each id")
    if not ids:
        return 0
    backend = backend_at(at, token)
    try:
        known = model if model is not None else _only_model(backend)
        return backend.write_labels(known, ids, values, arrived or datetime.now(UTC))
    finally:
        backend.close()


def _values(given: Any) -> list[float | str]:
    listed = given.tolist() if hasattr(given, "tolist") else list(given)
    return [one if isinstance(one, str) else float(one) for one in listed]


def _only_model(backend: ServiceBackend | StoreBackend) -> str:
    parts = [split_subject(one.subject) for one in backend.subjects()]
    models = sorted({name for kind, name, _ in parts if kind == "model"})
    if len(models) == 1:
        return models[0]
    there = ", ".join(repr(name) for name in models[:10]) or "none yet"
    raise InputError(f"say which model it is, as model=; {backend.name} has readings of: {there}")
