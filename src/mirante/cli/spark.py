"""The options by which a command has rows counted by Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from mirante.errors import InputError

__all__ = ["spark_of", "spark_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def spark_options(command: _Command) -> _Command:
    """Give a command ``--engine`` and ``--master``.

    Parameters
    ----------
    command : callable
        Takes ``engine`` and ``master``.
    """
    master = click.option(
        "--master", metavar="URL", help="Spark's master, such as spark://host:7077; local[*] by default."
    )
    engine = click.option(
        "--engine",
        type=click.Choice(["local", "spark"]),
        default="local",
        show_default=True,
        help="Who reads and counts: this process, or Spark's workers.",
    )
    return engine(master(command))


@contextmanager
def spark_of(engine: str, master: str | None, *tables: object) -> Iterator[Any]:
    """Give the session that the options name; None without Spark. It is stopped at the end.

    Parameters
    ----------
    engine : {"local", "spark"}
        From `spark_options`.
    master : str, optional
        From `spark_options`.

    *tables
        What it is to read. Starting Spark takes seconds: what can be refused without it is refused before.

    Raises
    ------
    InputError
        If a table is neither there nor the name of one, a master is named and no Spark is asked for, it is
        of Spark Connect, or it does not answer.
    """
    if engine == "local":
        if master is not None:
            raise InputError(f"--master {master} is for --engine spark; give that too")
        yield None
        return
    from mirante.sources.spark.config import SparkConfig
    from mirante.sources.spark.naming import is_table
    from mirante.sources.spark.session import SparkEngine

    try:
        config = SparkConfig() if master is None else SparkConfig(master=master)
    except ValueError as error:  # pydantic's, of more lines than one
        raise InputError(
            f"--master {master} is an address of Spark Connect; give spark://host:7077"
        ) from error
    for table in tables:
        is_table(str(table or ""))
    with SparkEngine(config) as found:
        yield found.session
