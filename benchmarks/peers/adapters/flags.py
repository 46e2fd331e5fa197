"""What an adapter is told and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Check", "Columns", "Flags"]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to look at, by kind."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.numeric, *self.categorical)


@dataclass(frozen=True, slots=True)
class Flags:
    """What a tool says about one table: the columns that it flags, and whether the whole table drifted."""

    columns: tuple[str, ...]
    dataset: bool


Check = Callable[["pd.DataFrame"], Flags]
