"""Data sets that were logged with runs: which there are, which one is meant, and its rows on this machine.

MLflow keeps of a data set where it came from, its schema and how many rows it had, and no rows. What it came
from is text from a server: only tables are fetched, no code is run and nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mirante.errors import InputError, MiranteError
from mirante.tracking.baselines import logged_model_id
from mirante.tracking.client import asking, plain_address, unless_missing
from mirante.tracking.downloads import download

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["Dataset", "choose", "datasets_of", "fetch", "run_of"]

_CONTEXT = "mlflow.data.context"
_CLOUDS = frozenset({"s3", "r2", "gs", "wasbs", "abfss", "hdfs"})
_HELD_OUT = ("valid", "eval", "test", "hold")
_INSTEAD = "save it as Parquet or CSV and give it with --data FILE"
_NAMED = 9


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as MLflow knows it.

    Parameters
    ----------
    source_type : str
        ``local``, ``http``, ``s3``, …; ``code`` where it was made in memory.
    source : str
        JSON: where its rows are.
    name, context : str
        As it was logged; empty when it was not.
    run_id : str
        With which it was logged; empty for an address that a person gave.
    rows : int, optional
        That it had then.
    tags : mapping of str to str
        That were logged with it.
    """

    source_type: str
    source: str
    name: str = ""
    context: str = ""
    run_id: str = ""
    rows: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, address: str) -> Dataset:
        """Return the data set at an address.

        Parameters
        ----------
        address : str
            ``https://…``, ``s3://…`` and the like.

        Examples
        --------
        >>> Dataset.at("https://example.org/normal.parquet").place
        'https://example.org/normal.parquet'
        """
        scheme = address.partition(":")[0].lower()
        if scheme in ("http", "https"):
            return cls("http", json.dumps({"url": address}))
        return cls("local" if scheme == "file" else scheme, json.dumps({"uri": address}))

    @property
    def place(self) -> str:
        """Where its rows are; empty when nobody knows."""
        try:
            said = json.loads(self.source)
        except ValueError:
            return ""
        places = [said.get(key) for key in ("uri", "url", "path")] if isinstance(said, dict) else []
        return next((place for place in places if place and isinstance(place, str)), "")

    @property
    def shown(self) -> str:
        """Where its rows are, for people: without a password, and without what signs an address."""
        return plain_address(self.place)

    @property
    def loadable(self) -> bool:
        """Whether there is something to load."""
        return self.source_type in {"local", "http", *_CLOUDS} and bool(self.place)

    def __str__(self) -> str:
        if not self.run_id:
            return self.shown
        context = f" ({self.context})" if self.context else ""
        return f"data set {self.name!r}{context} of run {self.run_id}"


def run_of(client: MlflowClient, found: ModelVersion) -> str | None:
    """Return the run that made a model version; None when MLflow does not know.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    found : ModelVersion
        From `mirante.tracking.models.find_model`.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    if found.run_id:
        return str(found.run_id)
    model_id = logged_model_id(found)
    if model_id is None:
        return None
    with asking(client, f"look up the logged model {model_id}"):
        logged = unless_missing(client.get_logged_model, model_id)
    return None if logged is None else logged.source_run_id or None


def datasets_of(client: MlflowClient, run_id: str) -> list[Dataset]:
    """Return the data sets that were logged with a run, in MLflow's order.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    run_id : str
        The run.

    Raises
    ------
    InputError
        If there is no such run.
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"look up the data sets of run {run_id!r}"):
        run = unless_missing(client.get_run, run_id)
    if run is None:
        raise InputError(f"there is no run {run_id!r} in MLflow; check the id, and MLFLOW_TRACKING_URI")
    return [_dataset(run_id, one) for one in (run.inputs.dataset_inputs if run.inputs else ())]


def _dataset(run_id: str, given: Any) -> Dataset:
    tags = {tag.key: tag.value for tag in given.tags or ()}
    one = given.dataset
    return Dataset(
        str(one.source_type),
        str(one.source),
        str(one.name or ""),
        tags.get(_CONTEXT, ""),
        run_id,
        _rows(one.profile),
        tags,
    )


def _rows(profile: str | None) -> int | None:
    try:
        found = json.loads(profile or "")["num_rows"]
    except (ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, int) else None


def choose(found: Sequence[Dataset], wanted: str | None = None) -> Dataset:
    """Return the data set of a run that is meant.

    Parameters
    ----------
    found : sequence of Dataset
        Of one run; at least one.
    wanted : str, optional
        Its name or context. Without it one that can be loaded comes before one that cannot, and one that
        the model was validated on before one that it was trained on.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If there is none of that name, or several that would do.

    Examples
    --------
    >>> both = [Dataset("local", '{"uri": "x"}', name, name) for name in ("training", "validation")]
    >>> choose(both).name, choose(both, "training").name
    ('validation', 'training')
    """
    left = list(found)
    if wanted is not None:
        left = [one for one in found if one.name == wanted] or [one for one in found if one.context == wanted]
        if not left:
            raise InputError(f"the run has no data set {wanted!r}; it has {_list(found)}")
    ranks = [_rank(one) for one in left]
    best = [one for one, rank in zip(left, ranks, strict=True) if rank == min(ranks)]
    if len({(one.source_type, one.source) for one in best}) > 1:
        raise InputError(
            f"several data sets were logged with the run: {_list(best)}; say which: --dataset NAME"
        )
    return best[0]


def _rank(one: Dataset) -> tuple[bool, int]:
    context = one.context.casefold()
    place = 0 if context.startswith(_HELD_OUT) else 2 if context.startswith("train") else 1
    return not one.loadable, place


def _list(found: Sequence[Dataset]) -> str:
    shown = [repr(one.name) + (f" ({one.context!r})" if one.context else "") for one in found[:_NAMED]]
    return ", ".join(shown) + (", …" if len(found) > _NAMED else "")


def fetch(one: Dataset, folder: Path) -> Path:
    """Return where a data set's rows are on this machine; what is elsewhere is downloaded.

    Parameters
    ----------
    one : Dataset
        Needs no trust. Only files and folders of this machine, http and object storage are read; a source
        that would run code (Hugging Face, Spark, plug-ins) is not.
    folder : Path
        For downloads.

    Returns
    -------
    Path
        A file or folder, to be opened as a table.

    Raises
    ------
    InputError
        If it has no source that can be loaded, or the source does not answer; the message says what to do.
    """
    if one.source_type == "code" or not one.place:
        raise InputError(f"{one} was made in memory, so MLflow does not know where its rows are; {_INSTEAD}")
    if one.source_type == "local":
        return _local(one)
    if one.source_type == "http":
        return download(one.place, folder)
    if one.source_type not in _CLOUDS:
        raise InputError(
            f"{one} is of the kind {one.source_type!r} ({one.shown!r}), which is not loaded; {_INSTEAD}"
        )
    from mlflow.data.dataset_source_registry import get_dataset_source_from_json

    try:
        path = Path(get_dataset_source_from_json(one.source, one.source_type).load(dst_path=str(folder)))
    except MiranteError:
        raise
    except Exception as error:  # each storage has errors, and missing packages, of its own
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{one} at {one.shown!r} cannot be loaded ({reason}); {_INSTEAD}") from error
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{one} at {one.shown!r} was put outside of {str(folder)!r}; {_INSTEAD}")
    return path


def _local(one: Dataset) -> Path:
    path = Path(_plain_path(one.place))
    if not (path.is_file() or path.is_dir()):
        raise InputError(
            f"{one} is at {str(path)!r}, and there is no such file or folder on this machine; run this where "
            f"it is, or {_INSTEAD}"
        )
    return path


def _plain_path(place: str) -> str:
    if not place.startswith("file:"):
        return place
    parts = urlsplit(place)
    if parts.netloc not in ("", "localhost"):
        raise InputError(f"the data set is at {place!r}, which is another machine; {_INSTEAD}")
    return url2pathname(parts.path)
