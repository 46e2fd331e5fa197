"""The SELECTs over one table or query: quoted names, values as parameters, nothing but reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mirante.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, Select

    from mirante.sources.rows.config import SqlConfig

__all__ = ["Selects", "bound"]

_DAY = timedelta(days=1)


class Selects:
    """Builds the queries of one source.

    Values are given to the database as it gave them: nothing is converted on the way, so that text that holds
    times, or a decimal that holds ids, is compared by the database's own order.

    Parameters
    ----------
    config : SqlConfig
        The table or query, its key and its id.

    Raises
    ------
    InputError
        If rows are read by time and have no id.
    """

    def __init__(self, config: SqlConfig) -> None:
        self._config = config
        self.by_time = config.cursor is None
        self.key: str | None = config.cursor or config.time
        self.id = config.id or config.cursor

    def rows(self) -> FromClause:
        """Return the table, or the query as one."""
        from sqlalchemy import quoted_name, table, text

        config = self._config
        if config.query is None:
            schema = None if config.schema_ is None else quoted_name(config.schema_, quote=True)
            return table(quoted_name(str(config.table), quote=True), schema=schema)
        query = config.query.strip().rstrip(";").replace("\\", "\\\\").replace(":", "\\:")
        # in brackets of its own, so that LIMIT and UNION in it stay its own
        return text(f"({query}) AS mirante_rows")  # type: ignore[return-value]  # select_from takes it

    def column(self, name: str) -> ColumnElement[Any]:
        """Return one column by name, quoted."""
        from sqlalchemy import column, quoted_name

        return column(quoted_name(name, quote=True))

    def select(self, names: Sequence[str]) -> Select[Any]:
        """Return the SELECT of some columns."""
        from sqlalchemy import select

        return select(*(self.column(name) for name in names)).select_from(self.rows())

    def nothing(self) -> Select[Any]:
        """Return the SELECT of all columns and no row: the database tells their names."""
        from sqlalchemy import false, literal_column, select

        return select(literal_column("*")).select_from(self.rows()).where(false())

    def after(self, names: Sequence[str], past: Any, past_id: Any, most: int) -> Select[Any]:
        """Return the SELECT of the next rows in the order of key and id."""
        from sqlalchemy import and_, or_

        key = self._key()
        query = self.select(names)
        if past is None:
            query = query.where(key.is_not(None))
        elif self.by_time:
            one = self.column(str(self.id))
            query = query.where(or_(key > past, and_(key == past, one > past_id)))
        else:
            query = query.where(key > past)
        order = [key, self.column(str(self.id))] if self.by_time else [key]
        return query.order_by(*order).limit(most)

    def keys_between(self, floor: Any, past: Any, past_id: Any) -> Select[Any]:
        """Return the SELECT of key and id of rows above `floor` that come no later than `past`."""
        from sqlalchemy import and_, or_

        key, one = self._key(), self.column(str(self.id))
        query = self.select([str(self.key), str(self.id)])
        if self.by_time:
            query = query.where(or_(key < past, and_(key == past, one <= past_id)))
        else:
            query = query.where(key <= past)
        return query if floor is None else query.where(key > floor)

    def with_ids(self, names: Sequence[str], ids: Sequence[Any]) -> Select[Any]:
        """Return the SELECT of the rows with some ids."""
        return self.select(names).where(self.column(str(self.id)).in_(list(ids)))

    def between(
        self, names: Sequence[str], time: str, low: Any, high: Any, *, ordered: bool = False
    ) -> Select[Any]:
        """Return the SELECT of rows whose time is in ``[low, high)``; None leaves an end open."""
        column = self.column(time)
        query = self.select(names)
        if low is not None:
            query = query.where(column >= low)
        if high is not None:
            query = query.where(column < high)
        return query.where(column.is_not(None)).order_by(column) if ordered else query

    def _key(self) -> ColumnElement[Any]:
        if self.key is None or self.id is None:
            raise InputError(
                "source needs a cursor (a column that only increases), or time and id, to read each row once"
            )
        return self.column(self.key)


def bound(time: datetime | None, like: Any, zone: str, *, upper: bool) -> Any:
    """Return a time as the database's column holds times, a day away: what lies between is looked at.

    Parameters
    ----------
    time : datetime or None
        With a time zone.
    like : object
        A value of the column.
    zone : str
        What times without zone are in.
    upper : bool
        Whether it is an upper end.

    Raises
    ------
    InputError
        If the column holds no times.

    Examples
    --------
    >>> noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    >>> bound(noon, "2026-01-01 00:00:00", "UTC", upper=True)
    '2026-02-02'
    >>> bound(noon, datetime(2026, 1, 1), "UTC", upper=False)
    datetime.datetime(2026, 1, 30, 12, 0)
    """
    if time is None or like is None:
        return None
    moved = time.astimezone(UTC) + (_DAY if upper else -_DAY)
    if isinstance(like, str):
        return (moved + (_DAY if upper else timedelta())).strftime("%Y-%m-%d")
    if isinstance(like, datetime):
        return moved if like.tzinfo is not None else moved.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if isinstance(like, date):
        return (moved + (_DAY if upper else timedelta())).date()
    raise InputError(
        f"source.time holds {type(like).__name__}, which could be of any unit; give a column with times, or "
        "a query that makes them"
    )
