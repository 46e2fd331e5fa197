"""The rows that a baseline is made from: a file, an address, or the data set that was logged with a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mirante.app.baseline.columns import named
from mirante.errors import InputError
from mirante.monitors.check.words import plain
from mirante.sources.tables import TableFile, open_table
from mirante.tracking.datasets import Dataset, choose, datasets_of, fetch, run_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from mirante.sources.spark.jobs import SparkTable

__all__ = ["Data", "local_table", "opened"]

_RUN = "run:"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Data:
    """Rows that are ready to be read.

    Parameters
    ----------
    table : TableFile
        On this machine.
    source : str
        Where they came from, for people: kept with the baseline.
    tags : mapping of str to str
        Of the logged data set.
    rows : int, optional
        That it had when it was logged.
    notes : tuple of str
        What is to be told of it.
    spark : SparkTable, optional
        Where Spark's workers read the rows.
    """

    table: TableFile
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    notes: tuple[str, ...] = ()
    spark: SparkTable | None = None


def local_table(data: str | Path | None) -> TableFile | None:
    """Return the table in a file of this machine; None where MLflow, or an address, is to be asked.

    Parameters
    ----------
    data : str or Path, optional
        As for `opened`.

    Raises
    ------
    InputError
        If there is no such file, or it is no table.
    """
    if data is None or (isinstance(data, str) and (data.startswith(_RUN) or _ADDRESS.match(data))):
        return None
    return open_table(data)


@contextmanager
def opened(
    client: MlflowClient, found: ModelVersion, data: str | Path | None, dataset: str | None
) -> Iterator[Data]:
    """Find the rows and open them; what was downloaded is removed at the end.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    found : ModelVersion
        Whose baseline it is to be.
    data : str or Path, optional
        A file or folder; ``run:ID`` or ``run:ID/NAME``; an address; None for the data set that was logged
        with the run that made the version.
    dataset : str, optional
        Name or context of one of the run's data sets.

    Yields
    ------
    Data

    Raises
    ------
    InputError
        If there is nothing, or it cannot be loaded.
    TrackingError
        If MLflow does not answer.
    """
    table = local_table(data)
    if table is not None:
        if dataset is not None:
            raise InputError(
                f"--dataset {dataset!r} is of a run, and --data names a file; leave one of them out"
            )
        yield Data(table, f"file {table.name}"[:_LONGEST])
        return
    one, notes = _dataset(client, found, None if data is None else str(data), dataset)
    with TemporaryDirectory(prefix="mirante-") as scratch:
        table = open_table(fetch(one, Path(scratch)))
        size = _size(table.path)
        notes.append(f"data: {plain(str(one))}, {plain(one.shown)}, {size / 1e6:,.1f} MB")
        if one.context.casefold().startswith("train"):
            notes.append("the model was trained on these rows: on new ones it will do less well than on them")
        yield Data(table, f"{one}"[:_LONGEST], one.tags, one.rows, tuple(notes))


def _dataset(
    client: MlflowClient, found: ModelVersion, data: str | None, wanted: str | None
) -> tuple[Dataset, list[str]]:
    if data is not None and not data.startswith(_RUN):
        return Dataset.at(data), []
    if data is not None:
        run_id, _, inside = data.removeprefix(_RUN).partition("/")
        if inside and wanted is not None and inside != wanted:
            raise InputError(f"{data!r} names a data set and --dataset {wanted!r}; give one of the two")
        wanted = inside or wanted
        every = datasets_of(client, run_id)
        what = f"with run {run_id!r}"
    else:
        made_by = run_of(client, found)
        every = datasets_of(client, made_by) if made_by else []
        what = f"with the run that made {found.name!r} version {found.version}" + (
            f" ({made_by})" if made_by else ", which MLflow does not know"
        )
    if not every:
        raise InputError(
            f"no data set was logged {what}; give the rows of a normal time with --data FILE, or log them "
            "when the model is trained: mlflow.log_input(mlflow.data.from_pandas(rows, source=PATH), "
            'context="validation")'
        )
    one = choose(every, wanted)
    others = [
        other.name + (f" ({other.context})" if other.context else "") for other in every if other != one
    ]
    notes = [f"other data sets of the run, which were not taken: {named(others)}"] if others else []
    return one, notes


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)
