"""Profiles of tables on Spark, whole or by window of event time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from mirante.errors import InputError, need
from mirante.monitors.windows import WindowClock

if TYPE_CHECKING:
    from mirante.profiles import TableProfile
    from mirante.sources.spark.jobs import SparkTable

__all__ = ["profile_spark", "profile_spark_files"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def profile_spark(
    df: Any,
    *,
    baseline: TableProfile | None = ...,
    columns: Sequence[str] | None = ...,
    time: None = ...,
    window: None = ...,
    timezone: str = ...,
) -> TableProfile: ...


@overload
def profile_spark(
    df: Any,
    *,
    baseline: TableProfile | None = ...,
    columns: Sequence[str] | None = ...,
    time: str,
    window: str | timedelta,
    timezone: str = ...,
) -> dict[datetime, TableProfile]: ...


def profile_spark(
    df: Any,
    *,
    baseline: TableProfile | None = None,
    columns: Sequence[str] | None = None,
    time: str | None = None,
    window: str | timedelta | None = None,
    timezone: str = "UTC",
) -> TableProfile | dict[datetime, TableProfile]:
    """Count a Spark DataFrame where its rows are: on the workers.

    Each partition is counted as Arrow batches, and the counts are added up: they are those of
    ``TableProfile.of(df.toArrow(), like=baseline)``, bit for bit, however the rows are spread.

    Parameters
    ----------
    df : pyspark.sql.DataFrame
        Of a classic session. Its plan runs once with `baseline` and up to three times without (count,
        sample, profile): cache what is costly.
    baseline : TableProfile, optional
        Decides columns, kinds, edges and levels; only its columns are read. Without it they are chosen from
        a sample of up to 200,000 rows (4 million values) from everywhere in the table, of a smaller table
        from all rows; a level that is not in the sample is counted with the other rare ones.
    columns : sequence of str, optional
        Only these; without them and `baseline`, all but `time`.
    time : str, optional
        Column of event times: timestamps, timestamps without zone (UTC), or dates (days on the clock of
        `timezone`). Rows without a time are in no window; a warning counts them.
    window : str or timedelta, optional
        Length of a window, with `time`: a divisor of a day, or whole days.
    timezone : str, default "UTC"
        IANA name; on its clock windows are cut.

    Returns
    -------
    TableProfile, or dict of datetime to TableProfile
        With `window`, by the start of each window that holds rows, in order; starts are aware and in
        `timezone`. All of them add up.

    Raises
    ------
    InputError
        If a column is not there, is nested, or cannot be counted (the message names it); if Spark fails; if
        only one of `time` and `window` is given.
    ConfigError
        If window or time zone cannot be read.
    MissingDependencyError
        If pyspark is not installed, or a worker cannot import Mirante.
    """
    cutting = _clock(time, window, timezone)
    need("pyspark", extra="spark")
    from mirante.sources.spark.frames import SparkFrame

    return _profile(SparkFrame(df), baseline, columns, time, cutting)


@overload
def profile_spark_files(
    spark: Any,
    paths: str | Path | Sequence[str | Path],
    *,
    baseline: TableProfile | None = ...,
    columns: Sequence[str] | None = ...,
    time: None = ...,
    window: None = ...,
    timezone: str = ...,
) -> TableProfile: ...


@overload
def profile_spark_files(
    spark: Any,
    paths: str | Path | Sequence[str | Path],
    *,
    baseline: TableProfile | None = ...,
    columns: Sequence[str] | None = ...,
    time: str,
    window: str | timedelta,
    timezone: str = ...,
) -> dict[datetime, TableProfile]: ...


def profile_spark_files(
    spark: Any,
    paths: str | Path | Sequence[str | Path],
    *,
    baseline: TableProfile | None = None,
    columns: Sequence[str] | None = None,
    time: str | None = None,
    window: str | timedelta | None = None,
    timezone: str = "UTC",
) -> TableProfile | dict[datetime, TableProfile]:
    """Count Parquet files that Spark's workers read themselves, without a way through Java.

    A task is some whole files, so one large file is one task. Takes a fraction of the time of
    `profile_spark`: see the page about Spark.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
        Of a classic session.
    paths : path, or sequence of paths
        A folder of Parquet files (folders ``month=1`` below it are columns), a file, or several, under the
        same path on driver and workers; or one address that Arrow knows, ``s3://bucket/folder``, for which
        workers have credentials. A Delta table is refused: its folder holds deleted rows too.
    baseline : TableProfile, optional
        As for `profile_spark`.
    columns : sequence of str, optional
        Only these; without them and `baseline`, all but `time`.
    time : str, optional
        Column of event times, as for `profile_spark`.
    window : str or timedelta, optional
        Length of a window, with `time`.
    timezone : str, default "UTC"
        IANA name; on its clock windows are cut.

    Returns
    -------
    TableProfile, or dict of datetime to TableProfile
        As for `profile_spark`.

    Raises
    ------
    InputError
        As for `profile_spark`; if a path is not there, or an address cannot be read.
    ConfigError
        If window or time zone cannot be read.
    MissingDependencyError
        If pyspark is not installed, or a worker cannot import Mirante.
    """
    cutting = _clock(time, window, timezone)
    need("pyspark", extra="spark")
    from mirante.sources.spark.files import SparkFiles

    return _profile(SparkFiles(spark, paths), baseline, columns, time, cutting)


def _clock(time: str | None, window: str | timedelta | None, timezone: str) -> WindowClock | None:
    if (time is None) != (window is None):
        given, lacking = ("time", "window") if window is None else ("window", "time")
        raise InputError(f"got {given!r} and no {lacking!r}; windows need both: time='at', window='1d'")
    return None if window is None else WindowClock(window, timezone)


def _profile(
    table: SparkTable,
    baseline: TableProfile | None,
    columns: Sequence[str] | None,
    time: str | None,
    clock: WindowClock | None,
) -> TableProfile | dict[datetime, TableProfile]:
    from mirante.sources.spark.counting import Cutting
    from mirante.sources.spark.jobs import profile_table

    cutting = None if clock is None or time is None else Cutting(time, clock)
    found = profile_table(table, baseline=baseline, columns=columns, cutting=cutting)
    if clock is None:
        return found[None]
    return {
        (_EPOCH + timedelta(microseconds=start)).astimezone(clock.zone): profile
        for start, profile in found.items()
        if start is not None
    }
