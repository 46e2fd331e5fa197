"""Takes MLflow's webhooks: checks signatures, passes over repeats, and has the registry looked at."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirante.errors import InputError
from mirante.sources.registry.wake import wake
from mirante.tracking.webhooks import is_signed, read_delivery
from mirante.web.exchange import Answer

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["Webhooks"]

_TOLERANCE = 300.0


@dataclass(slots=True)
class Webhooks:
    """The receiver of one server.

    Parameters
    ----------
    store : Store
        By which the service hears of them.
    clock : callable
        Seconds since 1970.
    secret : str, optional
        What MLflow signs with; without it none are taken.
    burst, rate : float
        So many are taken at once, and so many in a second after that; the others are told to come again.
    """

    store: Store
    clock: Callable[[], float]
    secret: str | None = field(default=None, repr=False)
    burst: float = 100.0
    rate: float = 5.0
    _seen: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _left: float = field(default=0.0, init=False, repr=False)
    _filled: float | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def take(self, signature: str | None, delivery: str | None, timestamp: str | None, body: bytes) -> Answer:
        """Return the answer to a webhook, after what it says was written down.

        Parameters
        ----------
        signature, delivery, timestamp : str or None
            The headers; None where one is missing, or there twice.
        body : bytes
            As it came.
        """
        if self.secret is None:
            return _said(
                404, "no webhooks are taken here: set registry.webhook_secret_file to what MLflow signs with"
            )
        now = self.clock()
        good = is_signed(
            self.secret,
            signature=signature,
            delivery=delivery,
            timestamp=timestamp,
            body=body,
            now=now,
            tolerance=_TOLERANCE,
        )
        if not good or delivery is None:
            return _said(401, "the signature is wrong, or the request is too old")
        with self._lock:  # one after the other: two of one id at once are a repeat too
            return self._taken(delivery, body, now)

    def _taken(self, delivery: str, body: bytes, now: float) -> Answer:
        self._seen = {one: until for one, until in self._seen.items() if until >= now}
        if delivery in self._seen:
            return _said(200, "known already")
        try:
            said = read_delivery(body)
        except InputError as error:
            return _said(422, str(error))
        if not self._may(now):
            return _said(429, "too many webhooks; what they say is asked for anyway").with_headers(
                retry_after="5"
            )
        if said.model is not None:
            wake(self.store, said.model)
        # only now: one that could not be written down may come again. After so long its time has run out
        self._seen[delivery] = now + 2 * _TOLERANCE
        return _said(202, "taken" if said.model is not None else "taken, and nothing is to be done")

    def _may(self, now: float) -> bool:
        """Return whether one more may be taken now: a bucket that fills again."""
        since = 0.0 if self._filled is None else max(0.0, now - self._filled)
        self._left = self.burst if self._filled is None else min(self.burst, self._left + since * self.rate)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _said(status: int, detail: str) -> Answer:
    return Answer(status, json.dumps({"detail": detail}).encode(), (("content-type", "application/json"),))
