"""Reading from a running service, through its API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from mirante.calls import CallError, ServiceCalls
from mirante.client.frames import SubjectLine
from mirante.errors import InputError, StoreError
from mirante.readings import split_subject
from mirante.store import AlertRow, Doubt, Series, WindowRow

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from mirante.views.tables.columns import TableName

__all__ = ["ServiceBackend"]

_SECONDS = 60.0
_MOST_BYTES = 512 * 2**20
_READINGS, _ROWS, _LABELS, _WINDOWS = 100_000, 5_000, 20_000, 200
_ALERT = frozenset(one.name for one in fields(AlertRow))  # the service may say more
_NEXT = re.compile(r'<\?([!-~]*)>; rel="next"')


class ServiceBackend:
    """Reads a service's ``/api/v1``, page by page; see `mirante.client.monitoring.Backend`.

    Parameters
    ----------
    address : str
        Where the page is, such as ``https://mirante.example.org``; a path is kept.
    token : str, optional
        Sent as bearer token.
    seconds : float
        How long one answer may take.

    Raises
    ------
    InputError
        If the address holds a password, or the token a character that no header may.
    """

    def __init__(self, address: str, token: str | None = None, *, seconds: float = _SECONDS) -> None:
        try:
            parts = urlsplit(address)
            parts.port  # noqa: B018  it raises where the port is no number
        except ValueError:
            raise InputError(
                "this is not the address of a service; give one such as http://127.0.0.1:8765"
            ) from None
        if parts.username is not None or not parts.hostname:
            raise InputError(
                "give the address of a service without user and password, and the token as token="
            )
        if token is not None and not re.fullmatch(r"[!-~]+", token):
            raise InputError("the token holds a character that no header may; it is one line of plain ASCII")
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._token = token
        self._calls = ServiceCalls(self.name, seconds=seconds, most=_MOST_BYTES)

    def subjects(self) -> Iterable[SubjectLine]:
        """Return all subjects that have readings, ordered by name."""
        for page in self._pages("subjects"):
            for one in page:
                times = {name: _time(one[name]) for name in ("first_time", "last_time")}
                yield SubjectLine(**{**one, **times})

    def series(
        self,
        names: Sequence[str] | None,
        subject: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[Series]:
        """Return series with their readings in ``[since, until)``; those of many come in several pieces."""
        asked = {"name": names, "subject": subject, "since": since, "until": until}
        for page in self._pages("readings", order="oldest", limit=_READINGS, **asked):
            for one in page:
                values = np.array([np.nan if value is None else value for value in one["values"]], np.float64)
                yield Series(
                    one["name"],
                    one["labels"],
                    one["subject"],
                    _times(one["times"]),
                    values,
                    tuple(one["notes"]),
                )

    def windows(self, subject: str, since: datetime | None, until: datetime | None) -> Iterable[WindowRow]:
        """Return windows that begin in ``[since, until)``, oldest first."""
        pages = self._pages("windows", subject=subject, since=since, until=until, limit=_ROWS)
        return [
            WindowRow(**{**one, "start": _time(one["start"]), "end": _time(one["end"])})
            for page in reversed(list(pages))
            for one in page
        ]

    def table(
        self, name: TableName, subject: str, since: datetime | None, until: datetime | None
    ) -> pa.Table:
        """Return the rows of a result table for windows that begin in ``[since, until)``, oldest first."""
        import pyarrow as pa

        from mirante.views.tables.columns import schema_of

        schema = schema_of(name)
        times = [field.name for field in schema if pa.types.is_timestamp(field.type)]
        pages = self._pages(f"tables/{name}", subject=subject, since=since, until=until, limit=_WINDOWS)
        return pa.Table.from_batches(
            (
                pa.RecordBatch.from_pylist(
                    [{**row, **{time: _time(row[time]) for time in times}} for row in page], schema
                )
                for page in pages
            ),
            schema,
        )

    def models(self) -> list[str]:
        """Return the models that have readings, in the order of their names."""
        parts = [split_subject(one.subject) for one in self.subjects()]
        return sorted({name for kind, name, _ in parts if kind == "model"})

    def alerts(
        self,
        subject: str | None,
        states: Sequence[str] | None,
        since: datetime | None,
        until: datetime | None,
    ) -> Iterable[AlertRow]:
        """Return alerts that began in ``[since, until)``, newest first."""
        times = ("active_at", "fired_at", "resolved_at", "reading_time")
        asked = {"subject": subject, "state": states, "since": since, "until": until, "limit": _ROWS}
        for page in self._pages("alerts", **asked):
            for one in page:
                known = {name: value for name, value in one.items() if name in _ALERT}
                yield AlertRow(**{**known, **{name: _time(one[name]) for name in times}})

    def write_labels(
        self,
        model: str,
        ids: Sequence[str],
        values: Sequence[float | str],
        arrived: datetime | Sequence[datetime],
    ) -> tuple[int, Doubt | None]:
        """Write labels, in many requests where they are many; return how many, and what is strange."""
        written, doubt = 0, None
        for start in range(0, len(ids), _LABELS):
            part = slice(start, start + _LABELS)
            one = arrived if isinstance(arrived, datetime) else None
            when = one.isoformat() if one else [time.isoformat() for time in arrived[part]]  # type: ignore[index]  # a sequence, if not one
            body = {"model": model, "arrived": when, "ids": list(ids[part]), "values": list(values[part])}
            answer = self._post("labels", body)
            written += int(answer["written"])
            if answer.get("warning"):
                doubt = Doubt(str(answer["warning"]), tuple(answer.get("nearest") or ()))
        return written, doubt

    def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _pages(self, part: str, **parameters: Any) -> Iterator[list[Any]]:
        query = urlencode(
            {name: _said(value) for name, value in parameters.items() if value is not None}, True
        )
        seen: set[str] = set()
        while query not in seen:  # a page that named itself as the next one would never end
            seen.add(query)
            link, page = self._get(part, query)
            yield page
            following = _NEXT.search(link)
            if following is None:
                return
            query = following[1]
        raise StoreError(f"{self.name} leads in circles; is it a Mirante service?")

    def _get(self, part: str, query: str) -> tuple[str, list[Any]]:
        found, headers = self._ask(f"{part}?{query}" if query else part)
        if not isinstance(found, list):
            raise self._no_service()
        return headers.get("Link") or "", found

    def _post(self, part: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        found, _ = self._ask(part, json.dumps(body).encode())
        if not isinstance(found, dict):
            raise self._no_service()
        return found

    def _ask(self, part: str, body: bytes | None = None) -> tuple[Any, Mapping[str, str]]:
        try:
            return self._calls.ask(part, token=self._token, body=body)
        except CallError as error:
            raise self._refused(error) from None

    def _no_service(self) -> StoreError:
        return StoreError(f"{self.name} does not answer as a Mirante service does; look at the address")

    def _refused(self, error: CallError) -> Exception:
        status = error.status
        if status in (401, 403):
            return InputError(f"{self.name} needs a token: give token=, or set MIRANTE_TOKEN")
        if status == 404 or (status is not None and 300 <= status < 400):
            return InputError(f"{self.name} has no Mirante API ({status}); look at the address")
        if status == 422:
            return InputError(f"{self.name} does not understand that: {error.detail}")
        return StoreError(str(error))


def _said(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _times(texts: Sequence[str]) -> NDArray[np.datetime64]:
    # all of them are UTC, and numpy knows no zones
    return np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[us]")
