"""The row in the store by which a webhook that came to the page has the registry looked at at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["Wake", "wake", "woken"]

_CURSOR = "registry webhook"
_MOST = 200


@dataclass(frozen=True, slots=True)
class Wake:
    """The number of the last webhook, and the models that some of the last were about."""

    number: int
    models: frozenset[str] = frozenset()


def wake(store: Store, model: str) -> int:
    """Write down that something of a registered model changed, and return the number of this note.

    Parameters
    ----------
    store : Store
        Where the service looks.
    model : str
        The model.
    """
    with store.transaction() as connection:
        kept = store.cursors.get(_CURSOR, connection=connection, hold=True) or {"number": 0, "models": {}}
        number = int(kept["number"]) + 1
        models = {name: at for name, at in kept["models"].items() if name != model} | {model: number}
        newest = dict(sorted(models.items(), key=lambda item: item[1])[-_MOST:])
        store.cursors.set(_CURSOR, {"number": number, "models": newest}, connection=connection)
    return number


def woken(store: Store, after: int) -> Wake | None:
    """Return what was written down since a note; None when nothing was.

    Parameters
    ----------
    store : Store
        Where it is kept.
    after : int
        The number of the last note that is known.

    Examples
    --------
    >>> import tempfile
    >>> from mirante.store import Store
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     number = wake(store, "churn")
    ...     woken(store, 0).models, woken(store, number)
    (frozenset({'churn'}), None)
    """
    kept = store.cursors.get(_CURSOR)
    if kept is None or int(kept["number"]) == after:
        return None
    return Wake(int(kept["number"]), frozenset(name for name, at in kept["models"].items() if at > after))
