"""The entry ``tables:`` of the config."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mirante.monitors.config import Interval

__all__ = ["TablesConfig"]


class TablesConfig(BaseModel):
    """The entry ``tables:``, the Parquet files that the service keeps up to the store.

    Parameters
    ----------
    folder : Path
        Where they are.
    interval : timedelta
        From one look at what is new to the next.

    Examples
    --------
    >>> TablesConfig(folder="tables").interval.total_seconds()
    3600.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    interval: Interval = timedelta(hours=1)
