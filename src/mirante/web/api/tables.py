"""The two result tables on the API: windows by the page, a row for each column of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field, create_model

from mirante.views.tables.columns import TABLES, TableColumn, TableName
from mirante.views.tables.walk import batch_of, rows_of, walk
from mirante.web.api.models import json_number
from mirante.web.api.paging import LINK, link_next

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["DriftMetrics", "ProfileMetrics", "TableLevel", "add_tables"]

_Time = Annotated[AwareDatetime | None, Query(description="RFC 3339 time with a zone.")]
_Limit = Annotated[
    int,
    Query(
        ge=1,
        le=1_000,
        description="How many windows, fewer of many columns; those of one start are never parted.",
    ),
]
_MOST_ROWS = 5_000  # of a page, 12 MB: a window of a thousand columns has as many rows
_PAGED: dict[int | str, dict[str, Any]] = {200: {"headers": LINK}}
_SUMMARY = {
    "profile_metrics": "What the columns of windows looked like",
    "drift_metrics": "How far the columns of windows moved",
}


class TableLevel(BaseModel):
    """A category, and how many values have it."""

    value: str
    n: int


_KINDS: dict[str, Any] = {
    "text": str | None,
    "time": datetime | None,
    "whole": int | None,
    "number": float | None,
    "truth": bool | None,
    "levels": list[TableLevel] | None,
}


def _model(name: str, text: str, columns: tuple[TableColumn, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        one.name: (_KINDS[one.type], Field(description=f"{one.help} ({one.unit})" if one.unit else one.help))
        for one in columns
    }
    return create_model(name, __doc__=text, **fields)


ProfileMetrics = _model(
    "ProfileMetrics", "A column of a window, or the window as a whole.", TABLES["profile_metrics"]
)
DriftMetrics = _model(
    "DriftMetrics", "A column of a window against the baseline or the window before.", TABLES["drift_metrics"]
)
_MODELS: dict[TableName, type[BaseModel]] = {
    "profile_metrics": ProfileMetrics,
    "drift_metrics": DriftMetrics,
}


def add_tables(router: APIRouter, store: Store) -> None:
    """Add a route for each of the two tables.

    Parameters
    ----------
    router : APIRouter
        Gets them.
    store : Store
        What is read.
    """
    for table, model in _MODELS.items():
        router.add_api_route(
            f"/tables/{table}",
            _route(store, table),
            methods=["GET"],
            name=table,
            summary=_SUMMARY[table],
            tags=["tables"],
            response_model=list[model],  # type: ignore[valid-type]  # one of the two
            responses=_PAGED,
        )


def _route(store: Store, table: TableName) -> Callable[..., Response]:
    def rows(
        request: Request,
        subject: str,
        since: _Time = None,
        until: _Time = None,
        limit: _Limit = 100,
    ) -> Response:
        """Return the rows of closed windows that begin in the interval, oldest first; infinities are null."""
        found: list[dict[str, Any]] = []
        answer = Response(media_type="application/json")
        windows, last = 0, None
        for counted in walk(store, subject, since, until):
            start = counted.window.start
            if start != last and (windows >= limit or len(found) >= _MOST_ROWS):
                link_next(request, answer, since=start)
                break
            windows, last = windows + 1, start
            found += batch_of(table, rows_of(table, counted)).to_pylist()
        answer.body = json.dumps([_said(row) for row in found], allow_nan=False).encode()
        answer.headers["content-length"] = str(len(answer.body))
        return answer

    return rows


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
