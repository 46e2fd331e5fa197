"""Slices between a service and the agents that count them: which there are, and what was counted of each."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.monitors.slices.baselines import MOST_SLICES, SliceBaseline
from mirante.monitors.slices.counting import signature
from mirante.monitors.slices.declared import Slice
from mirante.monitors.slices.entry import Entry
from mirante.monitors.slices.resolving import Resolved
from mirante.profiles import TableProfile
from mirante.profiles.codec import promised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "OFFERED_SLICES",
    "counts_of",
    "offer_slices",
    "offered_slices",
    "pack_slices",
    "slice_parts",
    "unpack_slices",
]

OFFERED_SLICES = "counted_slices.json"
"""Name of the file beside those of a baseline in which agents find what `offer_slices` said."""


def offer_slices(resolved: Resolved) -> bytes:
    """Return what rows are counted in slices with, without what is normal in these.

    Parameters
    ----------
    resolved : Resolved
        The slices that are judged.

    Returns
    -------
    bytes
        JSON, for `offered_slices`.
    """
    entries = [one.slice.entry for one in resolved.slices]
    said = {
        "like": base64.b64encode(TableProfile.empty(resolved.like).to_bytes()).decode(),
        "slices": [
            [entry.text, bool(entry.column), one.slice.value]
            for entry, one in zip(entries, resolved.slices, strict=True)
        ],
        "numeric": list(resolved.numeric),
    }
    return json.dumps(said).encode()


def offered_slices(content: bytes) -> Resolved:
    """Return the slices that `offer_slices` said; each profile is empty.

    Parameters
    ----------
    content : bytes
        JSON.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        said = json.loads(content)
        like = TableProfile.from_bytes(base64.b64decode(said["like"], validate=True))
        slices = tuple(
            SliceBaseline(Slice(Entry(text, (), (text,)) if named else Entry.parse(text), value), like)
            for text, named, value in said["slices"]
        )
        return Resolved(like, slices, (), tuple(said["numeric"]))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"the slices that are to be counted cannot be read: {error}") from error


def pack_slices(
    profiles: Mapping[int, TableProfile],
    resolved: Resolved,
    kept: dict[int, tuple[TableProfile, str]] | None = None,
) -> dict[str, Any]:
    """Return what was counted of the slices of a window, as JSON takes it.

    Parameters
    ----------
    profiles : mapping of int to TableProfile
        By the slices' numbers; those without rows need not be there.
    resolved : Resolved
        The slices.
    kept : dict, optional
        What was packed of this window before, which is brought up to date: a profile that is still the same
        is not packed again.
    """
    known = {} if kept is None else kept
    for place, profile in profiles.items():
        if place not in known or known[place][0] is not profile:
            packed = base64.b64encode(profile.to_bytes(like=resolved.like, exact=True)).decode()
            known[place] = profile, packed
    return {
        "signature": signature(resolved),
        "profiles": [[place, known[place][1]] for place in sorted(profiles)],
    }


def slice_parts(said: Any) -> tuple[str, dict[int, bytes], int]:
    """Return the signature of packed slices, the bytes of each, and how many they are once unpacked.

    Parameters
    ----------
    said : any
        From `pack_slices`, or from anybody.

    Raises
    ------
    InputError
        If they are no slices.
    """
    try:
        signed, pairs = said["signature"], said["profiles"]
        found = {place: base64.b64decode(text, validate=True) for place, text in pairs}
        sizes = [promised(part) for part in found.values()]
        whole = all(type(place) is int and 0 <= place < MOST_SLICES for place in found)
        if not isinstance(signed, str) or not whole or not all(sizes) or len(found) != len(pairs):
            raise InputError(
                f"slices need a signature, and a profile for each of at most {MOST_SLICES} numbers"
            )
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"the slices cannot be read: {error}") from error
    return signed, found, sum(sizes)


def unpack_slices(said: Any, resolved: Resolved, rows: int) -> dict[int, TableProfile] | None:
    """Return what was counted of the slices of a window.

    Parameters
    ----------
    said : any
        From `pack_slices`; None of a window whose slices were not counted.
    resolved : Resolved
        The slices that are judged.
    rows : int
        Of the window.

    Returns
    -------
    dict of int to TableProfile, or None
        None where they were not counted, or others than these were.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    if said is None:
        return None
    signed, parts, _ = slice_parts(said)
    if signed != signature(resolved):
        return None
    found = {place: TableProfile.from_bytes(part, like=resolved.like) for place, part in parts.items()}
    if any(place >= len(resolved.slices) or one.rows > rows for place, one in found.items()):
        raise InputError(f"a slice has more rows than the {rows} of its window, or there is no such slice")
    if any(counts.size and counts.min() < 0 for one in found.values() for counts in counts_of(one)):
        raise InputError("a slice counts fewer than no rows")
    if not all(one.layout.same(resolved.like.layout) for one in found.values()):
        # bytes may hold a layout of their own, and what is added to a window stays in it
        raise InputError("a slice is counted at other edges than those of the baseline's slices")
    return found


def counts_of(profile: TableProfile) -> Iterator[NDArray[np.int64]]:
    """Yield all counts of a profile: what is sent may have negative ones."""
    yield from (profile.numbers.cells, profile.numbers.whole)
    yield from (profile.categories.levels, profile.categories.missing)
