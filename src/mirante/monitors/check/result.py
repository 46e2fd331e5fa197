"""What a check found, and the forms in which it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirante.drift.verdicts import ColumnVerdict

__all__ = ["CheckResult", "ColumnCheck", "Sketch", "TableFinding", "TableSide"]


@dataclass(frozen=True, slots=True)
class TableSide:
    """One of the two tables.

    Parameters
    ----------
    name : str
        Of the file or folder; ``reference`` or ``current`` for a frame.
    rows : int
        That were counted.
    """

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Sketch:
    """A column's two distributions, for a small drawing.

    Parameters
    ----------
    bars : tuple of str
        What each bar is of: the level, or nothing for a range of numbers.
    reference, current : tuple of float
        Share of the values in each bar, 0 to 1.
    low, high : float
        Ends of the range of numbers; NaN for levels.
    """

    bars: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class TableFinding:
    """What is to be said of a column apart from its values.

    Parameters
    ----------
    column : str
        Its name.
    what : str
        ``gone`` (the current table lacks it), ``new`` (the reference does), ``type`` (of another kind now),
        ``unreadable`` (texts among numbers), ``time`` (a date or moment, which always moves on: left out
        unless it is asked for), ``key`` (keys, that come once each: left out as well), or
        ``other`` (lists, structs: cannot be compared).
    detail : str
        ``number -> text``, ``12 of 500``; empty where there is nothing to add.
    """

    column: str
    what: str
    detail: str = ""

    @property
    def is_drift(self) -> bool:
        """Whether it alone makes the table a drifted one: a column that is gone or of another kind."""
        return self.what in ("gone", "type")


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """One column that is in both tables.

    Parameters
    ----------
    verdict : ColumnVerdict
        The judgement, from `mirante.DriftMonitor`.
    missing_reference : float
        Share of missing values in the reference; NaN without rows.
    new_type : str
        ``number -> text``; empty when the kind is the same.
    sketch : Sketch
        Both distributions.
    """

    verdict: ColumnVerdict
    missing_reference: float
    new_type: str
    sketch: Sketch

    @property
    def column(self) -> str:
        """Its name."""
        return self.verdict.column

    @property
    def drifted(self) -> bool:
        """Whether its values, its share of missing values or its type changed."""
        return self.verdict.drifted or self.verdict.missing_detected or bool(self.new_type)

    @property
    def judged(self) -> bool:
        """Whether there was anything to compare, and rows enough to see a shift of any size."""
        return self.drifted or self.verdict.smallest_effect <= 1.0

    @property
    def effect(self) -> float:
        """Size of the change, 0 to 1: of the values, or of the share of missing ones if only that changed."""
        if self.verdict.missing_detected and not self.verdict.drifted:
            return abs(self.verdict.missing_ratio - self.missing_reference)
        return self.verdict.effect

    @property
    def p_value(self) -> float:
        """Of the values' test; NaN where missing values alone speak."""
        if self.verdict.missing_detected and not self.verdict.drifted:
            return math.nan
        return self.verdict.p_value


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `mirante.check` found.

    Parameters
    ----------
    reference, current : TableSide
        The two tables.
    alpha : float
        Chance that two tables that differ by chance alone are called drifted.
    columns : tuple of ColumnCheck
        In the order of the reference; those in both tables that can be compared.
    findings : tuple of TableFinding
        What else is to be said.

    Examples
    --------
    >>> import mirante
    >>> result = mirante.check({"age": [30, 31] * 400}, {"age": [30, 58] * 400})
    >>> result.drifted, result.drifted_columns
    (True, ('age',))
    >>> result.to_dict()["current"]
    {'name': 'current', 'rows': 800}
    """

    reference: TableSide
    current: TableSide
    alpha: float
    columns: tuple[ColumnCheck, ...]
    findings: tuple[TableFinding, ...] = field(default=())

    @property
    def drifted(self) -> bool:
        """Whether any column drifted, is gone, or changed its type."""
        return bool(self.drifted_columns)

    @property
    def drifted_columns(self) -> tuple[str, ...]:
        """Names of the columns that drifted or changed their type, then of those that are gone."""
        moved = {one.column for one in self.columns if one.drifted}
        moved |= {one.column for one in self.findings if one.is_drift}
        return tuple(name for name in self.compared if name in moved)

    @property
    def drift_share(self) -> float:
        """Share of the reference's columns that drifted, 0 to 1."""
        return len(self.drifted_columns) / len(self.compared)

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the columns that are compared, then of those that are gone or no longer comparable."""
        return tuple(dict.fromkeys([*(one.column for one in self.columns), *self._lost]))

    @property
    def _lost(self) -> list[str]:
        return [one.column for one in self.findings if one.is_drift]

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was found, ready for JSON: what is unknown is None.

        Returns
        -------
        dict
            ``drifted, drift_share, drifted_columns, alpha, summary, reference, current, columns, findings``.
        """
        from mirante.monitors.check.telling import as_dict

        return as_dict(self)

    def to_text(self, width: int = 100, *, locale: str = "en") -> str:
        """Return a table for a terminal.

        Parameters
        ----------
        width : int, default 100
            Characters in a line; the fewer, the shorter the texts. From 40 on.
        locale : str, default "en"
            ``en`` or ``pt_BR``.

        Returns
        -------
        str
            Lines, drifted columns first, a sentence at the end. Names are made harmless: control characters
            are written out.
        """
        from mirante.monitors.check.text import as_text

        return as_text(self, width, locale=locale)

    def to_html(self, path: Path | str, *, locale: str = "en") -> Path:
        """Write one HTML file that needs nothing else: no script, no network.

        Parameters
        ----------
        path : path
            The file; it is replaced as a whole.
        locale : str, default "en"
            ``en`` or ``pt_BR``.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the place cannot be written.
        """
        from mirante.monitors.check.page import write_page

        return write_page(self, Path(path), locale=locale)

    def log_mlflow(self, *, subject: str | None = None, run_id: str | None = None) -> bool:
        """Log ``drift_*`` and ``missing_*`` metrics and the HTML file to MLflow.

        To the caller's active run, else to the monitoring run of the subject. Never raises: with no server in
        reach there is one warning.

        Parameters
        ----------
        subject : str, optional
            ``table/<name of the reference, without its ending>``.
        run_id : str, optional
            A run to take instead.

        Returns
        -------
        bool
            Whether it arrived.
        """
        from mirante.monitors.check.logged import log_check

        return log_check(self, subject=subject, run_id=run_id)

    def _repr_html_(self) -> str:
        from mirante.monitors.check.page import fragment

        return fragment(self)

    def __str__(self) -> str:
        return self.to_text()
