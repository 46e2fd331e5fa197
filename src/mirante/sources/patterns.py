"""Names as the config gives them: whole, or with ``*`` and ``?``."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

__all__ = ["Pattern", "fits", "fits_any"]

Pattern = Annotated[str, Field(min_length=1)]
"""A name, or one with ``*`` and ``?``, in a config."""


def fits(pattern: str, name: str) -> bool:
    """Return whether a name is the one that is given, or fits it as a pattern.

    Parameters
    ----------
    pattern : str
        With ``*``, ``?`` and ``[abc]``; upper and lower case differ.
    name : str
        Any name; one that has such signs in it names itself.

    Examples
    --------
    >>> fits("churn-*", "churn-2026"), fits("a [b]", "a [b]"), fits("churn", "Churn")
    (True, True, False)
    """
    return name == pattern or fnmatchcase(name, pattern)


def fits_any(patterns: Iterable[str], name: str) -> bool:
    """Return whether a name fits one of some patterns.

    Examples
    --------
    >>> fits_any(["a", "b*"], "bc"), fits_any([], "bc")
    (True, False)
    """
    return any(fits(pattern, name) for pattern in patterns)
