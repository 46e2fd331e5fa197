"""A number of things with the word for them, in messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, one: str, several: str) -> str:
    """Return a number of things with the word for them.

    Parameters
    ----------
    n : int
        How many.
    one, several : str
        What a single one and what more of them, or none, are called.

    Examples
    --------
    >>> counted(1, "rule", "rules"), counted(1_204, "rule", "rules")
    ('1 rule', '1,204 rules')
    """
    return f"{n:,} {one if n == 1 else several}"
