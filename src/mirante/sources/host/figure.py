"""One number of a host, before it has a time and the host's name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Figure"]


class Figure(NamedTuple):
    """What one part of a host says.

    Attributes
    ----------
    name : str
        Of the reading, see `mirante.readings.READINGS`.
    value : float
        The number.
    labels : mapping of str to str
        Beyond the host's own.
    note : str
        What the number belongs to, for people.

    Examples
    --------
    >>> Figure("system_load1", 0.5).labels
    mappingproxy({})
    """

    name: str
    value: float
    labels: Mapping[str, str] = MappingProxyType({})
    note: str = ""
