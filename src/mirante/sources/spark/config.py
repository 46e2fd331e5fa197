"""The part of the config that says where Spark is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mirante.errors import ConfigError
from mirante.sources.rows.config import ParquetConfig, SparkTableConfig

__all__ = ["Engine", "SparkConfig", "check_engine"]

Engine = Literal["local", "spark"]
"""Who counts rows: this process, or Spark's workers."""


def check_engine(engine: Engine, source: object) -> None:
    """Say what Spark cannot read.

    Parameters
    ----------
    engine : {"local", "spark"}
        Of an entry of the config.
    source : SourceConfig or None
        Its rows; None for an inference log.

    Raises
    ------
    ConfigError
        If its workers cannot read them.
    """
    if engine == "local" and isinstance(source, SparkTableConfig):
        raise ConfigError(
            f"source.spark is {source.spark!r}, a table of Spark; write engine: spark beside it"
        )
    if engine == "local" or source is None:
        return
    if not isinstance(source, ParquetConfig | SparkTableConfig):
        raise ConfigError(
            "engine: spark counts Parquet files, its own tables and inference logs; leave engine out, and "
            "rows of a database are read by this process"
        )
    if source.label is not None:
        raise ConfigError(
            "with engine: spark no labels are taken from source.label, since workers have no store; leave "
            "one of the two out, and send labels with mirante label or over the API"
        )


class SparkConfig(BaseModel):
    """The entry ``spark:``, for all that have ``engine: spark``.

    Parameters
    ----------
    master : str
        Where: ``spark://host:7077``, ``yarn``, ``k8s://…``; ``local[2]`` is this machine with two threads.
    config : mapping of str to str
        Spark's own settings, such as ``spark.executor.memory: 2g``.
    python : str, optional
        The Python on the workers that has Mirante. Without it ``PYSPARK_PYTHON`` names it; on this machine it
        is the one that runs.

    Examples
    --------
    >>> SparkConfig(master="spark://spark:7077", config={"spark.cores.max": 8}).config
    {'spark.cores.max': '8'}
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    master: str = Field(default="local[*]", min_length=1)
    config: dict[str, str] = Field(default_factory=dict)
    python: str | None = Field(default=None, min_length=1)

    @field_validator("master")
    @classmethod
    def _classic(cls, value: str) -> str:
        if value.startswith("sc://"):
            raise ConfigError(
                f"{value!r} is an address of Spark Connect, which cannot send a baseline to all workers; "
                "give the master, such as spark://host:7077"
            )
        return value

    @field_validator("config", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        """Take numbers and booleans as Spark writes them."""
        if not isinstance(value, dict):
            return value
        if odd := next((name for name in value if not str(name).startswith("spark.")), None):
            raise ConfigError(f"{odd!r} is no setting of Spark; their names begin with spark.")
        return {name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in value.items()}
