"""The part of the config that says where a table is and which of its columns is what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    field_validator,
    model_validator,
)

from mirante.durations import parse_duration
from mirante.errors import ConfigError
from mirante.inference_log.probabilities import MOST_CLASSES
from mirante.secrets import SecretFile

if TYPE_CHECKING:
    from mirante.sources.rows.mapping import ColumnMap

__all__ = [
    "ColumnChoice",
    "FrameConfig",
    "ParquetConfig",
    "SourceConfig",
    "SparkTableConfig",
    "SqlConfig",
]

_Name = Annotated[str, Field(min_length=1)]


class ColumnChoice(BaseModel):
    """The entry ``columns:``, which columns are watched.

    Parameters
    ----------
    include : tuple of str, optional
        Only these; all when not given.
    exclude : tuple of str
        All but these.

    Examples
    --------
    >>> ColumnChoice(exclude=["note"]).of(["age", "note"])
    ['age']
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[_Name, ...] | None = None
    exclude: tuple[_Name, ...] = ()

    @model_validator(mode="after")
    def _something_is_left(self) -> ColumnChoice:
        if self.include is not None and not set(self.include) - set(self.exclude):
            raise ConfigError("columns.include and columns.exclude leave no column; include one at least")
        return self

    def of(self, names: list[str]) -> list[str]:
        """Return the names that are watched, in their order.

        Parameters
        ----------
        names : list of str
            What there is.
        """
        return [
            name
            for name in names
            if (self.include is None or name in self.include) and name not in self.exclude
        ]


class _Columns(BaseModel):
    """Which column of a table is what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: _Name | None = None
    id: _Name | None = None
    prediction: _Name | dict[_Name, _Name] | None = None
    version: _Name | None = None
    label: _Name | None = None
    latency: _Name | None = None
    timezone: str = "UTC"

    _besides: ClassVar[tuple[str, ...]] = ()

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f"the time zone {value!r} is unknown; give an IANA name such as UTC or America/New_York"
            ) from error
        return value

    @field_validator("prediction", mode="before")
    @classmethod
    def _columns_by_class(cls, value: Any) -> Any:
        """Take a list of columns for classes of the same names; names that are numbers need no quotes."""
        if isinstance(value, list | tuple):
            if not all(isinstance(one, str) for one in value):
                raise ConfigError(f"{value!r} is no list of columns; give the name of each, as text")
            value = {one: one for one in value}
        if not isinstance(value, Mapping):
            return value
        if not 2 <= len(value) <= MOST_CLASSES:
            raise ConfigError(
                f"{len(value)} columns are given; name the column of each of 2 to {MOST_CLASSES} classes, or "
                "the one column of a prediction that is one value"
            )
        return {str(int(one)) if isinstance(one, int) else one: name for one, name in value.items()}

    @model_validator(mode="after")
    def _each_has_its_own(self) -> _Columns:
        keys = ("time", "version", "label", "latency")
        named = [(key, getattr(self, key)) for key in keys]
        said = self.prediction
        named += (
            [(f"prediction.{one}", name) for one, name in said.items()]
            if isinstance(said, dict)
            else [("prediction", said)]
        )
        seen: dict[str, str] = {}
        for key, name in named:
            if name is not None and seen.setdefault(name, key) != key:
                raise ConfigError(f"{seen[name]} and {key} are both the column {name!r}; give each its own")
        return self

    def columns(self, choice: ColumnChoice | None = None) -> ColumnMap:
        """Return the way from the table's columns to those of the inference log.

        Parameters
        ----------
        choice : ColumnChoice, optional
            Which of the other columns are watched.
        """
        from mirante.sources.rows.mapping import ColumnMap  # brings Arrow, which a config is read without

        chosen, said = choice or ColumnChoice(), self.prediction
        one, several = (None, said) if isinstance(said, dict) else (said, {})
        return ColumnMap(
            time=self.time, id=self.id, prediction=one, version=self.version, label=self.label,
            latency=self.latency, timezone=self.timezone, include=chosen.include, exclude=chosen.exclude,
            probabilities=tuple(several.items()),
            aside=tuple(name for key in self._besides if (name := getattr(self, key)) is not None),
        )  # fmt: skip


class ParquetConfig(_Columns):
    """A ``source:`` of Parquet files.

    Parameters
    ----------
    parquet : str
        A folder (folders in it too, ``day=2026-01-31`` become columns), one file, or a URL that Arrow knows:
        ``s3://…``, ``gs://…``, ``hdfs://…``.
    time, id, prediction, version, label, latency : str, optional
        Names of columns; latency is in seconds. Of the probabilities of several classes ``prediction`` has
        the column of each: ``{basic: p_basic, pro: p_pro}``, or a list, where columns are called as classes.
    timezone : str
        What times without zone are in: UTC unless given.

    Examples
    --------
    >>> ParquetConfig(parquet="scores", time="scored_at").within(Path("/srv")).parquet
    '/srv/scores'
    """

    parquet: _Name

    def within(self, folder: Path) -> ParquetConfig:
        """Return the same with a path taken from a folder.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        return (
            self if "://" in self.parquet else self.model_copy(update={"parquet": str(folder / self.parquet)})
        )


class SqlConfig(_Columns):
    """A ``source:`` of rows of a database; nothing is ever written to it.

    Parameters
    ----------
    sql : str
        SQLAlchemy URL: ``postgresql://reader@db/shop``, ``sqlite:////srv/shop.db``.
    password, password_file : optional
        Of the role; ``env:NAME`` takes it from the environment.
    table, schema, query : str, optional
        The table, or a SELECT that gives the rows.
    cursor : str, optional
        A column that only increases, by which rows are read; without it they are read by `time`, and need
        an `id`.
    overlap : timedelta
        For how long what was read is looked at again, for rows that were committed late.
    time, id, prediction, version, label, latency : str, optional
        Names of columns; latency is in seconds. Of the probabilities of several classes ``prediction`` has
        the column of each: ``{basic: p_basic, pro: p_pro}``, or a list, where columns are called as classes.
    timezone : str
        What times without zone are in: UTC unless given.

    Examples
    --------
    >>> SqlConfig(sql="sqlite:///shop.db", table="orders", time="at", id="id").within(Path("/srv")).sql
    'sqlite:////srv/shop.db'
    """

    sql: str = Field(min_length=1, repr=False)
    password: SecretStr | None = None
    password_file: SecretFile | None = None
    table: _Name | None = None
    schema_: _Name | None = Field(default=None, alias="schema")
    query: _Name | None = None
    cursor: _Name | None = None
    overlap: Annotated[timedelta, BeforeValidator(parse_duration)] = timedelta(minutes=5)

    _besides: ClassVar[tuple[str, ...]] = ("cursor",)

    @model_validator(mode="after")
    def _one_table(self) -> SqlConfig:
        if (self.table is None) == (self.query is None):
            raise ConfigError("a source by sql needs either table or query, and not both")
        if self.query is not None and self.schema_ is not None:
            raise ConfigError("schema is for a table; name it in the query itself")
        if self.query is not None and ";" in self.query.strip().rstrip(";"):
            raise ConfigError("query holds several statements; give one SELECT")
        return self

    def check_key(self) -> None:
        """Say what is missing for rows to be read one by one.

        Raises
        ------
        ConfigError
            If there is neither a cursor nor an id.
        """
        if self.cursor is None and self.id is None:
            raise ConfigError(
                "source.cursor is missing; name a column that only increases, or the id of a row in source.id"
            )

    def within(self, folder: Path) -> SqlConfig:
        """Return the same with the paths of a file and of a password taken from a folder.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        update: dict[str, Any] = {}
        start, path = "sqlite:///", self.sql.removeprefix("sqlite:///")
        if self.sql.startswith(start) and path and path != ":memory:":
            update["sql"] = f"{start}{folder / path}"
        if self.password_file is not None:
            update["password_file"] = folder / self.password_file
        return self.model_copy(update=update)


class FrameConfig(_Columns):
    """A ``source:`` that is a data frame in memory: only a call in Python has one, no file names it.

    Parameters
    ----------
    name : str
        What the frame is called in messages.
    cursor : str, optional
        A column that only increases, by which rows are read; without it they are read by `time`.
    time, id, prediction, version, label, latency : str, optional
        Names of columns; latency is in seconds.
    timezone : str
        What times without zone are in: UTC unless given.

    Examples
    --------
    >>> FrameConfig(time="scored_at").within(Path("/srv")).name
    'the frame'
    """

    name: _Name = "the frame"
    cursor: _Name | None = None

    _besides: ClassVar[tuple[str, ...]] = ("cursor",)

    def within(self, folder: Path) -> FrameConfig:  # noqa: ARG002  it is in no folder
        """Return the same: a frame is in no folder.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        return self


class SparkTableConfig(_Columns):
    """A ``source:`` that is a table of Spark, for entries with ``engine: spark``.

    Parameters
    ----------
    spark : str
        Its name, ``shop.orders``; or a format and a path: ``delta.`/lake/orders```.
    cursor : str
        A column that only increases, by which rows are read once: a number, a time or a text.
    time, id, prediction, version, latency : str, optional
        Names of columns; latency is in seconds.
    timezone : str
        What times without zone are in: UTC unless given.

    Examples
    --------
    >>> SparkTableConfig(spark="shop.orders", time="at", cursor="number").within(Path("/srv")).spark
    'shop.orders'
    """

    spark: _Name
    cursor: _Name

    _besides: ClassVar[tuple[str, ...]] = ("cursor",)

    def within(self, folder: Path) -> SparkTableConfig:  # noqa: ARG002  it is in no folder of this machine
        """Return the same: Spark knows where it is.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        return self


def _kind(value: Any) -> str:
    if isinstance(value, SparkTableConfig) or (isinstance(value, Mapping) and "spark" in value):
        return "spark"
    if isinstance(value, FrameConfig):
        return "frame"
    if isinstance(value, SqlConfig) or (isinstance(value, Mapping) and "sql" in value):
        return "sql"
    return "parquet"


def _short(value: Any) -> Any:
    """Take a plain text for a folder of Parquet files."""
    if not isinstance(value, str):
        return value
    known = value.split("://")[0].split("+")[0]
    if known in ("postgresql", "mysql", "mariadb", "sqlite", "mssql", "oracle"):
        raise ConfigError(
            "is the address of a database; write source: {sql: …, table: …, time: …} (with id or cursor)"
        )
    return {"parquet": value}


SourceConfig = Annotated[
    Annotated[ParquetConfig, Tag("parquet")]
    | Annotated[SqlConfig, Tag("sql")]
    | Annotated[SparkTableConfig, Tag("spark")]
    | Annotated[FrameConfig, Tag("frame")],
    Discriminator(_kind),
    BeforeValidator(_short),
]
"""A folder of Parquet files, rows of a database, or a table of Spark; in Python also a data frame."""
