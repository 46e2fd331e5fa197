"""One text for one value, however it came: what hashes are made of, and what rows are found by."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from numbers import Real
from typing import Any

from mirante.inference_log.kinds import text_of

__all__ = ["canonical", "spellings"]


def canonical(value: Any) -> str | None:
    """Return the text that stands for a value, the same however the value came; None for a missing one.

    Examples
    --------
    >>> canonical(7), canonical(7.0), canonical("7"), canonical(Decimal("0.5")), canonical(float("nan"))
    ('7', '7', '7', '0.5', None)
    """
    if isinstance(value, str) or value is None:
        return value
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:  # a numpy scalar
        value = value.astype("datetime64[us]").item() if value.dtype.kind == "M" else value.item()
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Real | Decimal):
        number = float(value)
        if math.isnan(number):
            return None
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, datetime) and value == value:  # NaT is a datetime that equals nothing
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds")
    if isinstance(value, date) and value == value:
        return value.isoformat()
    return text_of(value)


def spellings(text: str) -> set[str]:
    """Return the canonical texts that a value may have which a person has written.

    Examples
    --------
    >>> sorted(spellings("7.0")), sorted(spellings("ada")), sorted(spellings("007"))
    (['7', '7.0'], ['ada'], ['007', '7'])
    """
    found = {text}
    try:
        number = canonical(int(text))
    except ValueError:
        try:
            number = canonical(float(text))
        except ValueError:
            number = None
    return found if number is None else found | {number}
