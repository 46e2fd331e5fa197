"""What a text means to Spark: files that are there, an address, or the name of a table."""

from __future__ import annotations

import re
from pathlib import Path

from mirante.errors import InputError

__all__ = ["is_table"]

_PART = r"(?:\w+|`[^`]+`)"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*")  # shop.orders, or parquet.`/srv/orders`
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")  # of two strokes, or of one, as a path has it
_FILES = (".parquet", ".csv", ".arrow", ".feather", ".ipc", ".json", ".orc", ".txt")


def is_table(text: str) -> bool:
    """Say whether a text names a table of Spark, and not files or an address. Spark is not asked.

    Parameters
    ----------
    text : str
        As it was given.

    Raises
    ------
    InputError
        If it is empty, or none of them: a path that is not there, say.

    Examples
    --------
    >>> is_table("shop.orders"), is_table("delta.`/lake/orders`"), is_table("s3://lake/orders")
    (True, True, False)
    """
    if not text:
        raise InputError("--engine spark needs --data: a table of Spark, or a path of Parquet files")
    if Path(text).exists() or _ADDRESS.match(text):
        return False
    if _NAME.fullmatch(text) and not text.lower().endswith(_FILES):
        return True
    raise InputError(
        f"{text} is not there, and it is no name of a table of Spark; give Parquet files that driver and "
        "workers can read, or a table as SHOW TABLES names it, "
        "with `...` around a part that looks like a file's"
    )
