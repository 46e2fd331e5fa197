"""What a sealed segment says of itself beside what Parquet says: row numbers, deletions, checksums."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import pyarrow as pa

__all__ = ["MARK", "SUMMED", "SUMS_KEY", "TAIL", "Facts", "footer_length"]

MARK, SUMMED = b"PAR1", b"mirante:"
"""What Parquet begins and ends with, and what comes before the footer's checksum."""
TAIL = 8
"""Parquet ends with the length of its footer and its mark."""
_FIRSTS, _GAPS, _DELETED, SUMS_KEY = _KEYS = tuple(
    f"mirante.{name}" for name in ("first_rows", "gaps", "deleted", "sums")
)


def footer_length(tail: bytes) -> int:
    """Return the length of the footer that some bytes end with, its length and mark included.

    Examples
    --------
    >>> footer_length(b"..." + (100).to_bytes(4, "little") + b"PAR1")
    108
    """
    return TAIL + int.from_bytes(tail[-TAIL:-4], "little")


@dataclass(slots=True)
class Facts:
    """Row numbers and sums of the row groups, and a sum over both."""

    firsts: list[int] = field(default_factory=list)
    gaps: dict[str, list[int]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    bounds: list[tuple[int, int, int]] = field(default_factory=list)
    sums: list[tuple[int, int]] = field(default_factory=list)

    def add(self, first: int, gaps: Sequence[int], rows: int, earliest: int, latest: int) -> None:
        """Take in a row group."""
        if gaps:
            self.gaps[str(len(self.firsts))] = list(gaps)
        self.firsts.append(first)
        self.bounds.append((rows, earliest, latest))

    def crc(self, schema: pa.Schema) -> int:
        """Return the checksum over all that decides which rows are read and under which names."""
        columns = [(column.name, str(column.type)) for column in schema]
        said = [columns, self.firsts, self.gaps, self.deleted, self.bounds, self.sums]
        return zlib.crc32(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass"))

    def to_metadata(self, schema: pa.Schema) -> dict[str, str]:
        """Return it as Parquet keeps it."""
        found = {_FIRSTS: self.firsts, SUMS_KEY: [*self.sums, self.crc(schema)]}
        if self.deleted:
            found |= {_GAPS: self.gaps, _DELETED: self.deleted}
        return {key: json.dumps(value) for key, value in found.items()}

    @classmethod
    def of(cls, footer: Any) -> Facts:
        """Read it, and hold it against its checksum; a segment from before there were any has none.

        Raises
        ------
        ValueError
            If the footer was changed.
        """
        kept = footer.metadata or {}
        said = {key: json.loads(kept[key.encode()]) for key in _KEYS if key.encode() in kept}
        facts = cls(gaps=said.get(_GAPS, {}), deleted=said.get(_DELETED, {}))
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            parts = (group.column(place) for place in range(group.num_columns))
            times = next(part.statistics for part in parts if part.path_in_schema == "__time")
            facts.bounds.append((group.num_rows, times.min_raw, times.max_raw))
        firsts = [0, *accumulate(rows for rows, _, _ in facts.bounds)]
        facts.firsts = said.get(_FIRSTS, firsts[:-1])
        *sums, crc = said.get(SUMS_KEY, [None])
        facts.sums = [(end, found) for end, found in sums]
        if crc is not None and crc != facts.crc(footer.schema.to_arrow_schema()):
            raise ValueError("the checksum of its footer is wrong")
        return facts
