"""Answers that cost something, kept for as long as what they depend on stays the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept:
    """Keeps the last answers; of several readers who ask the same at once, one waits for the other.

    Parameters
    ----------
    most : int
        How many answers.

    Examples
    --------
    >>> kept = Kept()
    >>> kept.get("a", lambda: 1), kept.get("a", lambda: 2)
    (1, 1)
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer that is kept, or make it; one that fails is not kept.

        Parameters
        ----------
        key : hashable
            All that the answer depends on.
        make : callable
            Makes it; only one runs at a time, so that readers cannot fill the processors.
        """
        with self._lock:
            if key not in self._found:
                self._found[key] = make()
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
            found: T = self._found[key]
            return found
