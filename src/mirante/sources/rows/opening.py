"""From the config of a source to what reads it."""

from __future__ import annotations

from collections.abc import Mapping

from mirante.errors import InputError
from mirante.sources.rows.config import ColumnChoice, FrameConfig, ParquetConfig, SparkTableConfig, SqlConfig
from mirante.sources.rows.parquet import ParquetFolder
from mirante.sources.rows.sql import SqlTable

__all__ = ["open_source"]


def open_source(
    config: ParquetConfig | SqlConfig | SparkTableConfig | FrameConfig,
    choice: ColumnChoice | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> ParquetFolder | SqlTable:
    """Return what reads a source; nothing is read yet.

    Parameters
    ----------
    config : ParquetConfig, SqlConfig, SparkTableConfig or FrameConfig
        Where it is; a frame is in memory, and a table of Spark in its session: neither can be opened by its
        config.
    choice : ColumnChoice, optional
        Which of its columns are watched.
    environ : mapping, optional
        Where ``env:NAME`` is looked up; the process' environment by default.

    Raises
    ------
    ConfigError
        If an address is none, or a password cannot be read.
    InputError
        If there is no such place, or it is a frame or a table of Spark.

    Examples
    --------
    >>> open_source(ParquetConfig(parquet="/srv/scores", time="at")).root
    '/srv/scores'
    """
    if isinstance(config, FrameConfig):
        raise InputError(
            f"{config.name} is in memory, and only a call that has it can read it: mirante.monitor"
        )
    if isinstance(config, SparkTableConfig):
        raise InputError(
            f"{config.spark} is a table of Spark, and only mirante up reads it, with engine: spark"
        )
    columns = config.columns(choice)
    if isinstance(config, SqlConfig):
        return SqlTable(config, columns, environ=environ)
    return ParquetFolder(config, columns)
