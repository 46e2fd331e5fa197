"""The slices of windows as lines that a heat map draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from mirante.readings import SLICE
from mirante.views.figures import Line

if TYPE_CHECKING:
    from mirante.store import SliceWindowRow

__all__ = ["slice_lines"]


def slice_lines(rows: Iterable[SliceWindowRow]) -> tuple[list[Line], list[Line]]:
    """Return, for each slice, how far its strongest column moved in each window, and whether any drifted.

    Parameters
    ----------
    rows : iterable of SliceWindowRow
        Oldest first.

    Returns
    -------
    effects, verdicts : list of Line
        With the label ``slice``; the notes of the verdicts are the names of the strongest columns.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store import SliceWindowRow
    >>> day = datetime(2013, 2, 8, tzinfo=UTC)
    >>> row = SliceWindowRow("m", "1", "plan", "pro", day, day, 7, True, "plan=pro", 3, 1, "age", 0.4)
    >>> effects, verdicts = slice_lines([row])
    >>> effects[0].labels, effects[0].values.tolist(), verdicts[0].notes
    ({'slice': 'plan=pro'}, [0.4], ['age'])
    """
    of: dict[str, list[SliceWindowRow]] = {}
    for row in rows:
        of.setdefault(row.label, []).append(row)
    effects, verdicts = [], []
    for label, mine in of.items():
        times = np.array([row.start.replace(tzinfo=None) for row in mine], "datetime64[us]")
        about = {SLICE: label}
        effects.append(Line("drift_effect", times, np.array([row.effect for row in mine]), about))
        marks = np.array([float(row.drifted > 0) for row in mine])
        verdicts.append(Line("drift_detected", times, marks, about, [row.strongest for row in mine]))
    return effects, verdicts
