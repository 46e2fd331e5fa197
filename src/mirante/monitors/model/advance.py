"""What one step of a model's monitor did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from mirante.readings import Reading
    from mirante.store import WindowRow

__all__ = ["Advance"]


@dataclass(frozen=True, slots=True)
class Advance:
    """What one call of `ModelMonitor.advance` did.

    Parameters
    ----------
    rows : int
        Rows read from the inference log that belong to this version.
    late : int
        Of those, rows whose window had closed already.
    closed : tuple of WindowRow
        Windows judged, in order.
    measured : tuple of datetime
        Starts of the windows whose performance was computed.
    readings : tuple of Reading
        All that is new, already written to the store.
    """

    rows: int
    late: int
    closed: tuple[WindowRow, ...]
    measured: tuple[datetime, ...]
    readings: tuple[Reading, ...]

    @classmethod
    def of(cls, steps: Sequence[Advance]) -> Advance:
        """Return several steps as one.

        Parameters
        ----------
        steps : sequence of Advance
            In order.

        Returns
        -------
        Advance
            Sums and concatenations.
        """
        return cls(
            rows=sum(step.rows for step in steps),
            late=sum(step.late for step in steps),
            closed=tuple(row for step in steps for row in step.closed),
            measured=tuple(start for step in steps for start in step.measured),
            readings=tuple(reading for step in steps for reading in step.readings),
        )
