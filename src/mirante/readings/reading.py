"""The reading: one number with a name, a time and labels.

Rules, sinks, the store and charts know readings and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol, cast

from mirante.errors import InputError

__all__ = [
    "SLICE",
    "SOURCE_UP",
    "Reading",
    "Sink",
    "Source",
    "is_provisional",
    "model_subject",
    "source_of",
    "split_subject",
    "subject_of",
]

SOURCE_UP = "source_up"
SLICE = "slice"
"""The label of readings that speak of a part of a model's rows; without it a reading is of all rows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One number: name, value, time, labels and a note.

    Parameters
    ----------
    name : str
        Prometheus form, base unit last: ``prediction_latency_seconds_p95``. `READINGS` lists them.
    value : float
        The number; NaN means "asked for, and unknown".
    time : datetime
        When it was true, with a time zone; kept as UTC.
    labels : mapping of str to str
        What it is about: ``{"model": "m", "alias": "champion", "version": "1", "feature": "age"}``.
    note : str
        A sentence for people (a verdict's reason). Not part of the reading's identity.

    Raises
    ------
    InputError
        If `time` has no time zone.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> r = Reading("drift_ks", 0.5, datetime(2013, 3, 8, tzinfo=UTC), {"model": "m", "feature": "age"})
    >>> r.key
    ('drift_ks', (('feature', 'age'), ('model', 'm')))
    """

    name: str
    value: float
    time: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = field(default="", compare=False)
    _key: tuple[str, tuple[tuple[str, str], ...]] | None = field(
        default=None, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise InputError(
                f"reading {self.name!r} has the time {self.time!r}, without a time zone; give an aware one"
            )
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "time", self.time.astimezone(UTC))
        object.__setattr__(self, "labels", MappingProxyType({k: str(v) for k, v in self.labels.items()}))

    def __hash__(self) -> int:
        return hash((self.key, self.time, self.value))

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The series that it belongs to: the name and the sorted labels."""
        if self._key is None:
            object.__setattr__(self, "_key", (self.name, tuple(sorted(self.labels.items()))))
        return cast("tuple[str, tuple[tuple[str, str], ...]]", self._key)

    def again(self, value: float, time: datetime, note: str = "") -> Reading:
        """Return another reading of the same series, without checking its parts once more.

        Parameters
        ----------
        value : float
            The number.
        time : datetime
            In UTC.
        note : str
            Its note.

        Examples
        --------
        >>> from datetime import datetime, UTC
        >>> first = Reading("cpu", 1.0, datetime(2013, 3, 8, tzinfo=UTC), {"host": "a"})
        >>> second = first.again(2.0, datetime(2013, 3, 9, tzinfo=UTC))
        >>> second.value, second.key == first.key
        (2.0, True)
        """
        other = object.__new__(Reading)
        put = object.__setattr__
        put(other, "name", self.name)
        put(other, "value", value)
        put(other, "time", time)
        put(other, "labels", self.labels)
        put(other, "note", note)
        put(other, "_key", self._key or self.key)
        return other


class Source(Protocol):
    """Gives readings when asked."""

    def read(self, now: datetime) -> Iterable[Reading]:
        """Return the readings of this moment."""
        ...


class Sink(Protocol):
    """Takes readings."""

    def write(self, readings: Sequence[Reading]) -> None:
        """Take a batch of readings; the same series and time twice counts once."""
        ...


def model_subject(model: str, alias: str) -> str:
    """Return the subject of a model under an alias.

    Examples
    --------
    >>> model_subject("nyc-flight-delay", "champion")
    'model/nyc-flight-delay@champion'
    """
    return f"model/{model}@{alias}"


def split_subject(subject: str) -> tuple[str, str, str]:
    """Return kind, name and alias of a subject; the alias is empty for all but models.

    Examples
    --------
    >>> split_subject("model/a/b@c@champion"), split_subject("host/web-1"), split_subject("monitor")
    (('model', 'a/b@c', 'champion'), ('host', 'web-1', ''), ('monitor', 'Mirante', ''))
    """
    kind, _, name = subject.partition("/")
    if kind == "model" and "@" in name:
        name, _, alias = name.rpartition("@")
        return kind, name, alias
    return (kind, name, "") if name else (kind, "Mirante", "")


def subject_of(labels: Mapping[str, str]) -> str:
    """Return the subject that labels speak of, or ``monitor`` for Mirante's own.

    Examples
    --------
    >>> subject_of({"host": "web-1"}), subject_of({"model": "m", "alias": "champion", "feature": "x"})
    ('host/web-1', 'model/m@champion')
    >>> subject_of({"experiment": "7"}), subject_of({})
    ('experiment/7', 'monitor')
    """
    if "model" in labels:
        return model_subject(labels["model"], labels.get("alias", "none"))
    for kind in ("host", "experiment", "table", "registry"):
        if kind in labels:
            return f"{kind}/{labels[kind]}"
    return "monitor"


def source_of(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of `source_up` for a reading: its subject's, and the name of where it comes from.

    Examples
    --------
    >>> source_of({"host": "web-1", "path": "/"})
    {'host': 'web-1', 'source': 'host/web-1'}
    >>> source_of({"server": "http://mlflow:5000"})["source"], source_of({"task": "rules"})["source"]
    ('MLflow server http://mlflow:5000', 'monitor')
    """
    subject = subject_of(labels)
    kind = split_subject(subject)[0]
    if kind == "monitor" and "server" in labels:
        return {"server": labels["server"], "source": f"MLflow server {labels['server']}"}
    own = {name: labels[name] for name in ("alias" if kind == "model" else kind, kind) if name in labels}
    return {**own, "source": subject}


def is_provisional(reading: Reading) -> bool:
    """Return whether a reading is a performance that labels still change: its note says so.

    Examples
    --------
    >>> day = datetime(2013, 2, 8, tzinfo=UTC)
    >>> is_provisional(Reading("performance_mae", 3.0, day, {}, "provisional: 40 % of the labels are in"))
    True
    """
    return bool(reading.note) and reading.name.startswith("performance_")
