"""Spark's session: made when it is first needed, once, and stopped by who made it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mirante import __version__
from mirante.errors import InputError, need
from mirante.sources.spark.config import SparkConfig
from mirante.sources.spark.counting import other_version
from mirante.sources.spark.jobs import Batches, calm, map_arrow, told

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SparkEngine"]

_PYTHON, _LOGGING = "PYSPARK_PYTHON", "log4j2.properties"


class SparkEngine:
    """One Spark for all that is counted there.

    Parameters
    ----------
    config : SparkConfig
        Where it is.

    Examples
    --------
    >>> with SparkEngine(SparkConfig(master="local[2]")) as engine:
    ...     engine.started
    False
    """

    def __init__(self, config: SparkConfig) -> None:
        self._config = config
        self._guard = Lock()
        self._session: Any = None
        self._own = False

    @property
    def started(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    @property
    def session(self) -> Any:
        """The session; it is made now if there is none. One that this process has already is taken.

        Raises
        ------
        MissingDependencyError
            If pyspark is not installed.
        InputError
            If Spark does not start, or its master does not answer.
        """
        spark = need("pyspark", extra="spark")
        with self._guard:
            if self._session is not None and _is_over(self._session):
                self._drop()  # its master or its Java ended: the next look starts another
            if self._session is None:
                self._own = spark.SparkContext._active_spark_context is None  # of whatever thread
                self._session = self._start(need("pyspark.sql", extra="spark"))
            return self._session

    def _start(self, sql: Any) -> Any:
        config = self._config
        options = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
        options |= {**_quiet(os.environ), **config.config}
        local = config.master.startswith("local")
        python = config.python or os.environ.get(_PYTHON) or (sys.executable if local else None)
        builder = sql.SparkSession.builder.master(config.master).appName("mirante").config(map=options)
        with _environ({} if python is None else {_PYTHON: python}), calm():
            try:
                session = builder.getOrCreate()
            except Exception as error:  # Java's, py4j's and the launcher's have nothing in common
                reason = " ".join(str(error).split())[:300]
                if "stopped SparkContext" in reason:  # its Java gave up, and says of that only what follows
                    reason = "it gave up, as its master does not answer"
                raise InputError(
                    f"Spark did not start with the master {config.master!r}: {reason}; it needs Java, and a "
                    "master that answers: see spark.master"
                ) from error
        if "spark.log.level" not in config.config:
            session.sparkContext.setLogLevel("ERROR")
        return session

    @property
    def processors(self) -> int:
        """How many tasks run at once."""
        return int(self.session.sparkContext.defaultParallelism)

    def run(
        self,
        work: Callable[[int, Any], Iterator[tuple[Any, ...]]],
        known: object,
        tasks: int,
        schema: str,
    ) -> list[tuple[Any, ...]]:
        """Have workers do numbered tasks.

        Parameters
        ----------
        work : callable
            Called on a worker with a task's number and `known`; yields the values of rows of `schema`, whose
            first is that number and whose last an error, None without.
        known : object
            What each task needs; sent once to each worker, pickled.
        tasks : int
            How many.
        schema : str
            Of the rows, as Spark writes it.

        Returns
        -------
        list of tuple
            The rows, in the order of the tasks.

        Raises
        ------
        InputError
            If Spark fails, or a worker has another Mirante.
        MissingDependencyError
            If a worker has none.
        """
        session = self.session
        from pyspark.sql.pandas.types import to_arrow_schema
        from pyspark.sql.types import _parse_datatype_string

        with told(["new rows"]):
            shape = to_arrow_schema(_parse_datatype_string(schema))
            sent = session.sparkContext.broadcast(known)
            try:
                frame = session.range(0, tasks, 1, tasks)
                rows = map_arrow(frame, _working(work, sent, shape, __version__), schema).collect()
            finally:
                sent.destroy()
        if versions := [row[-1] for row in rows if row[0] is None]:
            raise InputError(versions[0])
        return sorted((tuple(row) for row in rows), key=lambda row: row[0])  # stable: as they came

    def run_frame(
        self,
        frame: Any,
        work: Callable[[Batches, Any], Iterator[tuple[Any, ...]]],
        known: object,
        schema: str,
        *,
        merge: Callable[[Batches, Any], Iterator[tuple[Any, ...]]] | None,
        by: str,
    ) -> list[tuple[Any, ...]]:
        """Have workers go through the parts of a DataFrame.

        Parameters
        ----------
        frame : pyspark.sql.DataFrame
            Its rows come as Arrow batches.
        work : callable
            Called on a worker with the batches of a part, and `known`; yields the values of rows of `schema`.
        known : object
            What each task needs; sent once to each worker, pickled.
        schema : str
            Of the rows, as Spark writes it.
        merge : callable, optional
            Makes fewer of the rows in the same way, those of one `by` together.
        by : str
            A column of `schema`.

        Returns
        -------
        list of tuple
            The rows.

        Raises
        ------
        InputError
            If Spark fails, or a worker has another Mirante.
        MissingDependencyError
            If a worker has none.
        """
        from pyspark.sql.pandas.types import to_arrow_schema
        from pyspark.sql.types import _parse_datatype_string

        with told(list(frame.columns)):
            shape = to_arrow_schema(_parse_datatype_string(schema))
            sent = frame.sparkSession.sparkContext.broadcast(known)
            try:
                found = map_arrow(frame, _through(work, sent, shape, __version__), schema)
                if merge is not None:
                    merging = _through(merge, sent, shape, __version__)
                    found = map_arrow(found.repartition(by), merging, schema)
                rows = [tuple(row) for row in found.collect()]
            finally:
                sent.destroy()
        if refused := next((row[-1] for row in rows if row[-1] is not None), None):
            raise InputError(refused)
        return rows

    def stop(self) -> None:
        """Stop the session, if this one made it; it may be started again."""
        with self._guard:
            if self._session is not None:
                self._drop()

    def _drop(self) -> None:
        session, self._session = self._session, None
        if self._own:
            session.stop()

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _is_over(session: Any) -> bool:
    """Return whether a session was stopped, by whomever."""
    java = session.sparkContext._jsc
    return java is None or bool(java.sc().isStopped())


def _working(
    work: Callable[[int, Any], Iterator[tuple[Any, ...]]], sent: Any, shape: pa.Schema, version: str
) -> Callable[[Batches], Batches]:
    def at_each(ids: Batches, value: Any) -> Iterator[tuple[Any, ...]]:
        for batch in ids:
            for place in batch.column(0).to_pylist():
                yield from work(int(place), value)

    return _through(at_each, sent, shape, version)


def _through(
    work: Callable[[Batches, Any], Iterator[tuple[Any, ...]]], sent: Any, shape: pa.Schema, version: str
) -> Callable[[Batches], Batches]:
    def each(batches: Batches) -> Batches:
        if refused := other_version(version):
            yield _batch([(*[None] * (len(shape) - 1), refused)], shape)
            return
        for row in work(batches, sent.value):
            yield _batch([row], shape)

    return each


def _batch(rows: list[tuple[Any, ...]], shape: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array(list(values), field.type)
        for values, field in zip(zip(*rows, strict=True), shape, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=shape)


def _quiet(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps Java's warnings from the terminal, not its errors; nothing where Spark has a file."""
    folders = [
        environ.get("SPARK_CONF_DIR"),
        f"{environ['SPARK_HOME']}/conf" if "SPARK_HOME" in environ else None,
    ]
    if any(folder and Path(folder, _LOGGING).exists() for folder in folders):
        return {}
    where = Path(__file__).with_name(_LOGGING).as_uri()
    return {"spark.driver.defaultJavaOptions": f"-Dlog4j2.configurationFile={where}"}


@contextmanager
def _environ(more: Mapping[str, str]) -> Iterator[None]:
    """Set variables that Spark takes from nowhere else, while it starts."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
