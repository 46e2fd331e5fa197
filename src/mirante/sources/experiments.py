"""Which of MLflow's experiments a source watches; what it said of those that it leaves ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mirante.store import Store
from mirante.tracking.runs.changes import find_experiments
from mirante.tracking.runs.search import ExperimentRef

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["LeftExperiments", "WatchedExperiments"]

_KIND = "experiment/"
_LISTED_AGAIN = timedelta(minutes=5)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Book = TypeVar("_Book", bound=_Named)


class WatchedExperiments(Generic[_Book]):
    """The experiments that a source watches, each with what the source keeps of it.

    Parameters
    ----------
    watches : callable
        Says of a name whether it is watched.
    opened : callable
        Gives what is kept of an experiment that is taken up, or has another name now.
    left : LeftExperiments
        Ends what was said of the others.
    why : str
        Why they ended, as a sentence.
    """

    def __init__(
        self,
        watches: Callable[[str], bool],
        opened: Callable[[ExperimentRef], _Book],
        left: LeftExperiments,
        why: str,
    ) -> None:
        self._watches, self._opened, self._left, self._why = watches, opened, left, why
        self._listed: datetime | None = None
        self.books: dict[str, _Book] = {}

    @property
    def names(self) -> list[str]:
        """The names of the experiments, sorted."""
        return sorted(book.name for book in self.books.values())

    def look(self, client: MlflowClient, now: datetime) -> list[str]:
        """Look up what there is, every five minutes.

        Parameters
        ----------
        client : mlflow.MlflowClient
            The client.
        now : datetime
            The present; where the clock was set back it is time as well.

        Returns
        -------
        list of str
            Ids of the experiments that were watched, and are not any more.

        Raises
        ------
        TrackingError
            If MLflow does not answer.
        """
        if self._listed is not None and timedelta(0) <= now - self._listed < _LISTED_AGAIN:
            return []
        watched = {one.id: one for one in find_experiments(client) if self._watches(one.name)}
        for one in watched.values():
            known = self.books.get(one.id)
            if known is None or known.name != one.name:
                self.books[one.id] = self._opened(one)
        gone = [one for one in self.books if one not in watched]
        for identity in gone:
            del self.books[identity]
        self._left.end({one.name for one in watched.values()}, self._why)
        self._listed = now
        return gone


class LeftExperiments:
    """Ends the series of experiments that are gone, renamed or not watched, also from before this start.

    Parameters
    ----------
    store : Store
        Has the series.
    own : tuple of str
        What the names of the source's own readings begin with; those of other sources are left alone.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> from mirante.readings import Reading
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     now = datetime.now(UTC)
    ...     _ = store.readings.write([Reading("run_failed", 1.0, now, {"experiment": "old"})])
    ...     LeftExperiments(store, ("run_",)).end({"new"}, "it is not watched any more")
    ...     store.readings.latest()
    []
    """

    def __init__(self, store: Store, own: tuple[str, ...]) -> None:
        self._store, self._own = store, own
        self._ended: set[str] = set()

    def end(self, watched: Collection[str], reason: str) -> None:
        """End the series of all experiments but those that are watched, once each.

        Parameters
        ----------
        watched : collection of str
            Names of experiments.
        reason : str
            Why, as a sentence.
        """

        def judge(name: str, labels: Mapping[str, str]) -> str | None:  # noqa: ARG001  a judge's
            return reason if name.startswith(self._own) else None

        stay = {f"{_KIND}{name}" for name in watched}
        self._ended -= stay
        there = {one for one in self._store.readings.subject_names() if one.startswith(_KIND)}
        for subject in sorted(there - stay - self._ended):
            self._store.endings.settle(subject, judge)
            self._ended.add(subject)
