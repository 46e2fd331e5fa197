"""Pages of a long answer: the header ``Link`` (RFC 8288) names the next one, as the query to ask with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

__all__ = ["LINK", "link_next"]

LINK: dict[str, Any] = {
    "Link": {
        "description": 'With `rel="next"`: the query of the next page, such as `<?since=…>`.',
        "schema": {"type": "string"},
    }
}


def link_next(request: Request, response: Response, **changes: datetime | str) -> None:
    """Say where the next page is: the same query with some parameters changed.

    Parameters
    ----------
    request : Request
        What was asked for.
    response : Response
        Gets the header.
    **changes : datetime or str
        What the next query says instead.
    """
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    new = [(name, _said(value)) for name, value in changes.items()]
    response.headers["link"] = f'<?{urlencode([*kept, *new], errors="replace")}>; rel="next"'


def _said(value: datetime | str) -> str:
    return value if isinstance(value, str) else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
