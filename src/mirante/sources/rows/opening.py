"""From the config of a source to what reads it."""

from __future__ import annotations

from collections.abc import Mapping

from mirante.sources.rows.config import ColumnChoice, ParquetConfig, SqlConfig
from mirante.sources.rows.parquet import ParquetFolder
from mirante.sources.rows.sql import SqlTable

__all__ = ["open_source"]


def open_source(
    config: ParquetConfig | SqlConfig,
    choice: ColumnChoice | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> ParquetFolder | SqlTable:
    """Return what reads a source; nothing is read yet.

    Parameters
    ----------
    config : ParquetConfig or SqlConfig
        Where it is.
    choice : ColumnChoice, optional
        Which of its columns are watched.
    environ : mapping, optional
        Where ``env:NAME`` is looked up; the process' environment by default.

    Raises
    ------
    ConfigError
        If an address is none, or a password cannot be read.
    InputError
        If there is no such place.

    Examples
    --------
    >>> open_source(ParquetConfig(parquet="/srv/scores", time="at")).root
    '/srv/scores'
    """
    columns = config.columns(choice)
    if isinstance(config, SqlConfig):
        return SqlTable(config, columns, environ=environ)
    return ParquetFolder(config, columns)
