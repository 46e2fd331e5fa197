"""What a comparison of two versions found, and the forms in which it is told."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mirante.stats.paired import PairedDifference

__all__ = ["Agreement", "Comparison", "Measure", "Side", "SliceGap"]

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions.

    Parameters
    ----------
    name, version : str
        Of the model; the name as it was asked for, such as ``churn@champion``.
    failed : int
        Rows that it refused to answer.
    reason : str
        Why, of the first of them.
    """

    name: str
    version: str
    failed: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two versions say the same of the same rows; NaN for what does not apply.

    Parameters
    ----------
    equal : float
        Share of rows of which both say the same class (probabilities: on the same side of 0.5).
    gap : float
        Mean absolute difference of what they say.
    correlation : float
        Pearson's, -1 to 1; NaN where one of them always says the same.
    shift : float
        How far their predictions as a whole lie apart: KS distance of numbers, total variation of classes.
    """

    equal: float
    gap: float
    correlation: float
    shift: float


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of performance on the rows that have a label.

    Parameters
    ----------
    name : str
        As in the readings, without ``performance_``.
    found : PairedDifference
        What both reach, and the test.
    higher_is_better : bool
        Whether more of it is better.
    """

    name: str
    found: PairedDifference
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` (the second version, at a level of 5 %), ``even``, or ``unknown``."""
        p = self.found.p_value
        if math.isnan(p):
            return "unknown"
        if p >= _LEVEL or self.found.difference == 0:
            return "even"
        return "better" if (self.found.difference > 0) == self.higher_is_better else "worse"


@dataclass(frozen=True, slots=True)
class SliceGap:
    """Rows of which the two versions say more different things than of the rest.

    Parameters
    ----------
    column, where : str
        The feature, and which values of it: ``= "EV"``, ``> 12.5``, ``is missing``.
    rows : int
        How many.
    gap, rest : float
        Mean difference there and elsewhere: share of unequal classes, or mean absolute difference.
    p_value : float
        That this is chance, with all slices that were looked at counted in.
    """

    column: str
    where: str
    rows: int
    gap: float
    rest: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the same rows.

    Parameters
    ----------
    first, second : Side
        Such as champion and challenger.
    task : str
        What a prediction is: ``probability``, ``class`` or ``regression``.
    rows : int
        Rows that both answered.
    labelled : int
        Of those, rows with a label.
    source : str
        Where the rows come from, for people.
    agreement : Agreement
        How far they say the same.
    measures : tuple of Measure
        Their performance on the labelled rows.
    slices : tuple of SliceGap
        Where they differ most, strongest first.
    ignored : tuple of str
        Columns of the table that neither takes, and that were left out.
    """

    first: Side
    second: Side
    task: str
    rows: int
    labelled: int
    source: str
    agreement: Agreement
    measures: tuple[Measure, ...] = field(default=())
    slices: tuple[SliceGap, ...] = field(default=())
    ignored: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was found, ready for JSON: what is unknown is None."""
        found = asdict(self)
        found["measures"] = [
            {
                "name": one.name,
                "verdict": one.verdict,
                "higher_is_better": one.higher_is_better,
                "difference": one.found.difference,
                **asdict(one.found),
            }
            for one in self.measures
        ]
        known: dict[str, Any] = _known(found)
        return known

    def to_text(self, *, locale: str = "en") -> str:
        """Return it as lines for a terminal."""
        from mirante.monitors.comparison.telling import as_text

        return as_text(self, locale=locale)

    def to_html(self, path: str | Path, *, locale: str = "en") -> Path:
        """Write it as one HTML file that needs nothing else, and return its path.

        Raises
        ------
        InputError
            If the place cannot be written.
        """
        from mirante.monitors.comparison.telling import write_page

        return write_page(self, Path(path), locale=locale)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
