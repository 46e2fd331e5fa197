"""The slices of windows while rows still come in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.monitors.slices.declared import Divider
from mirante.profiles import TableProfile
from mirante.profiles.frames import raw_columns
from mirante.profiles.parts import profile_parts
from mirante.store import SliceWindowRow

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.predictions import Predictions
    from mirante.monitors.slices.resolving import Resolved
    from mirante.monitors.windows import Window

__all__ = ["SliceCounts", "signature"]


def signature(resolved: Resolved) -> str:
    """Return a digest of slices and of how they are counted; empty for none.

    Open windows keep it: one that was counted with other slices is counted anew.

    Parameters
    ----------
    resolved : Resolved
        The slices.
    """
    if not resolved.slices:
        return ""
    digest = hashlib.blake2b(digest_size=8)
    for text in (*(one.slice.label for one in resolved.slices), *resolved.like.layout.names):
        digest.update(f"{len(text)}:".encode() + text.encode("utf-8", "surrogatepass"))
    for edges in resolved.like.layout.edges:
        digest.update(edges.tobytes())
    digest.update(repr(resolved.like.layout.levels).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


class SliceCounts:
    """Profiles by window and slice; they add up, so rows may come in any portions.

    Parameters
    ----------
    resolved : Resolved
        The slices.
    predictions : Predictions
        What the model's predictions are.
    """

    def __init__(self, resolved: Resolved, predictions: Predictions) -> None:
        self._predictions = predictions
        self._slices = [one.slice for one in resolved.slices]
        self._like = resolved.like
        self._place = {(one.key, one.value): place for place, one in enumerate(self._slices)}
        self._divider = Divider(self._slices, resolved.numeric)
        self._open: dict[datetime, dict[int, TableProfile]] = {}
        self._ends: dict[datetime, datetime] = {}
        self._touched: set[tuple[datetime, int]] = set()

    @property
    def divider(self) -> Divider:
        """Finds the rows of each slice."""
        return self._divider

    def clear(self) -> None:
        """Forget all windows."""
        self._open.clear()
        self._touched.clear()

    def take_up(self, rows: Iterable[SliceWindowRow]) -> None:
        """Take up what the store kept of windows that are still open.

        Parameters
        ----------
        rows : iterable of SliceWindowRow
            With their profiles; those of slices that are not declared any more are passed over.
        """
        for row in rows:
            place = self._place.get(row.slice)
            if place is not None:
                profile = TableProfile.from_bytes(row.profile, like=self._like)
                self._open.setdefault(row.start, {})[place] = profile
                self._ends[row.start] = row.end

    def add(self, window: Window, table: pa.Table) -> None:
        """Add rows of the inference log.

        Parameters
        ----------
        window : Window
            Whose they are.
        table : pyarrow.Table
            Features by name, and the predictions as the log has them.
        """
        if not self._slices:
            return
        said, _ = self._predictions.profiled(table)
        asked = dict.fromkeys([*self._like.layout.names, *self._divider.columns])
        rows = table.select([name for name in asked if name not in said and name in table.column_names])
        for name, column in said.items():
            rows = rows.append_column(name, column)
        count, raws = raw_columns(rows, self._divider.columns)
        parts = self._divider.parts(raws, count or rows.num_rows)
        filled = [place for place, part in enumerate(parts) if part.size]
        found = profile_parts(rows, [parts[place] for place in filled], like=self._like)
        self.merge(window, dict(zip(filled, found, strict=True)))

    def merge(self, window: Window, found: Mapping[int, TableProfile]) -> None:
        """Add what was counted elsewhere of other rows of an open window.

        Parameters
        ----------
        window : Window
            Whose they are.
        found : mapping of int to TableProfile
            By the slices' numbers, as `close` gives them.
        """
        if not self._slices:
            return
        mine = self._open.setdefault(window.start, {})
        self._ends[window.start] = window.end
        for place, profile in found.items():
            mine[place] = mine[place] + profile if place in mine else profile
            self._touched.add((window.start, place))

    def counted(self, start: datetime) -> Mapping[int, TableProfile]:
        """Return what was counted of an open window's slices, by their number.

        Parameters
        ----------
        start : datetime
            Of the window.
        """
        return self._open.get(start, {})

    def close(self, start: datetime) -> Mapping[int, TableProfile]:
        """Give away the slices of a window that is over, by their number; those without rows are not there.

        Parameters
        ----------
        start : datetime
            Of the window.
        """
        self._ends.pop(start, None)
        found = self._open.pop(start, {})
        self._touched = {one for one in self._touched if one[0] != start}
        return found

    def changed(self, subject: str, version: str) -> list[SliceWindowRow]:
        """Return what is to be written of open windows, once.

        Parameters
        ----------
        subject, version : str
            Whose windows they are.
        """
        rows = []
        for start, place in sorted(self._touched):
            one, profile = self._slices[place], self._open[start][place]
            rows.append(
                SliceWindowRow(
                    subject,
                    version,
                    one.key,
                    one.value,
                    start,
                    self._ends[start],
                    profile.rows,
                    label=one.label,
                    profile=profile.to_bytes(like=self._like),
                )
            )
        self._touched.clear()
        return rows
