"""How far a table of a database was read, and what was read lately: rows may be committed out of order."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from mirante.errors import InputError

__all__ = ["KeyCursor", "decode_key", "encode_key"]

_MOST = 20_000  # identities: 160 kB of the store
_DIGEST = 6
_LETTERS = 8


@dataclass(slots=True)
class _Bucket:
    """Identities of rows that were read together, the key of the last, and by what they are dropped."""

    last: Any
    at: int
    ids: list[str]


@dataclass(slots=True)
class KeyCursor:
    """A position in the order of a key, and the identities of rows shortly before it.

    A sequence gives numbers in the order in which transactions begin, not in that in which they end: row 7
    can be there before row 6. So rows between `floor` and `past` are looked at again, and those that were
    read are known by their identities.

    Parameters
    ----------
    past, past_id : object, optional
        Key and id of the last row in order; None before the first.
    floor : object, optional
        Up to this key nothing is looked at again.

    Examples
    --------
    >>> cursor = KeyCursor()
    >>> cursor.take([(1, 1), (3, 3)], at=0)
    >>> later = KeyCursor.of(cursor.state)
    >>> later.past, later.unseen([(1, 1), (2, 2), (3, 3)])
    (3, [(2, 2)])
    """

    past: Any = None
    past_id: Any = None
    floor: Any = None
    _buckets: list[_Bucket] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> KeyCursor:
        """Read what `state` was.

        Parameters
        ----------
        state : mapping, optional
            From the store.
        """
        if not state:
            return cls()
        buckets = [
            _Bucket(
                decode_key(one["last"]),
                one["at"],
                [one["ids"][at : at + _LETTERS] for at in range(0, len(one["ids"]), _LETTERS)],
            )
            for one in state["seen"]
        ]
        past, past_id, floor = (decode_key(state[name]) for name in ("past", "past_id", "floor"))
        return cls(past, past_id, floor, buckets, {each for one in buckets for each in one.ids})

    @property
    def state(self) -> dict[str, Any]:
        """What to keep; JSON-able."""
        return {
            "past": encode_key(self.past),
            "past_id": encode_key(self.past_id),
            "floor": encode_key(self.floor),
            "seen": [
                {"last": encode_key(one.last), "at": one.at, "ids": "".join(one.ids)} for one in self._buckets
            ],
        }

    def take(self, keys: Sequence[tuple[Any, Any]], at: int) -> None:
        """Note rows that were read in order, after all before.

        Parameters
        ----------
        keys : sequence of (object, object)
            Key and id of each.
        at : int
            By what `drop` forgets them.
        """
        if keys:
            self.past, self.past_id = keys[-1]
            ids = [_digest(key) for key in keys]
            self._buckets.append(_Bucket(self.past, at, ids))
            self._seen.update(ids)

    def take_late(self, keys: Sequence[tuple[Any, Any]], at: int) -> None:
        """Note rows that were found between others; they are remembered as long as the newest.

        Parameters
        ----------
        keys : sequence of (object, object)
            Key and id of each.
        at : int
            As for `take`.
        """
        ids = [_digest(key) for key in keys]
        if not self._buckets:
            self._buckets.append(_Bucket(self.past, at, []))
        self._buckets[-1].ids += ids
        self._buckets[-1].at = max(self._buckets[-1].at, at)
        self._seen.update(ids)

    def unseen(self, keys: Sequence[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Return those that were not read.

        Parameters
        ----------
        keys : sequence of (object, object)
            Key and id of each.
        """
        return [key for key in keys if _digest(key) not in self._seen]

    def drop(self, before: int) -> None:
        """Forget what need not be looked at again, and what is too much to remember.

        Parameters
        ----------
        before : int
            What was noted with less.
        """
        while self._buckets and (self._buckets[0].at < before or len(self._seen) > _MOST):
            if len(self._buckets) == 1 and self._buckets[0].at >= before:
                break
            gone = self._buckets.pop(0)
            self._seen.difference_update(gone.ids)
            self.floor = gone.last


def _digest(key: tuple[Any, Any]) -> str:
    text = repr((encode_key(key[0]), encode_key(key[1])))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST)
    return base64.b64encode(digest.digest()).decode()


def encode_key(value: Any) -> Any:
    """Return a value that a database gave as JSON can say it.

    Parameters
    ----------
    value : object
        A number, text, date, time, decimal, UUID or bytes.

    Raises
    ------
    InputError
        If it is anything else.

    Examples
    --------
    >>> encode_key(7), encode_key(date(2026, 1, 31))
    (7, {'date': '2026-01-31'})
    >>> decode_key(encode_key(Decimal("1.50")))
    Decimal('1.50')
    """
    if value is None or (isinstance(value, int | float | str) and not isinstance(value, bool)):
        return value
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC)
        return {"datetime": value.isoformat()}
    for kind, name in ((date, "date"), (Decimal, "decimal"), (UUID, "uuid")):
        if isinstance(value, kind):
            return {name: str(value)}
    if isinstance(value, bytes | memoryview):
        return {"bytes": bytes(value).hex()}
    raise InputError(
        f"source.cursor: a key is a {type(value).__name__}, which has no order; give a column with numbers, "
        "text or times"
    )


def decode_key(value: Any) -> Any:
    """Read what `encode_key` gave.

    Parameters
    ----------
    value : object
        JSON.
    """
    if not isinstance(value, Mapping):
        return value
    ((name, text),) = value.items()
    read: dict[str, Any] = {
        "datetime": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
        "uuid": UUID,
        "bytes": bytes.fromhex,
    }
    return read[name](text)
