"""The login: a signed cookie that stands for the token, and a brake on guessing."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from http.cookies import CookieError, SimpleCookie

__all__ = ["COOKIE", "LoginLimit", "LoginLimits", "Sessions"]

COOKIE = "mirante_session"


class Sessions:
    """Signs and checks the login cookie; nothing is kept, so a restart logs nobody out.

    Parameters
    ----------
    token : str
        The page's token; it signs, and never stands in the cookie.
    seconds : int
        How long a login lasts.
    """

    def __init__(self, token: str, *, seconds: int = 30 * 86_400) -> None:
        self._key = hashlib.sha256(b"mirante session\0" + token.encode()).digest()
        self._token = token.encode()
        self.seconds = seconds

    def is_token(self, given: str) -> bool:
        """Return whether this is the token, in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token)

    def issue(self, now: float) -> str:
        """Return a cookie's value that is good from `now` (seconds since 1970)."""
        until = str(int(now) + self.seconds)
        return f"{until}.{self._sign(until)}"

    def valid(self, cookie: str, now: float) -> bool:
        """Return whether a cookie's value is ours and not over."""
        until, _, signature = cookie.partition(".")
        good = hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), self._sign(until).encode())
        return good and until.isdecimal() and now < int(until)

    def in_cookies(self, header: str, now: float) -> bool:
        """Return whether a Cookie header holds a good cookie of ours."""
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(header)
        except CookieError:
            return False
        return COOKIE in cookies and self.valid(cookies[COOKIE].value, now)

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, until.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


class LoginLimit:
    """Counts failed logins of the last minute, from anywhere: a token cannot be guessed quickly."""

    def __init__(self, *, failures: int = 10, seconds: float = 60.0) -> None:
        self._failures: deque[float] = deque(maxlen=failures)
        self._seconds = seconds

    def blocked(self, now: float) -> bool:
        """Return whether logins wait now."""
        full = len(self._failures) == self._failures.maxlen
        return full and now - self._failures[0] < self._seconds

    def failed(self, now: float) -> None:
        """Count one failure."""
        self._failures.append(now)


class LoginLimits:
    """A `LoginLimit` for each address that sent a wrong token, so that one guesser does not stop the others.

    Parameters
    ----------
    addresses : int
        So many are remembered, those that failed last.
    """

    def __init__(self, *, addresses: int = 1_000) -> None:
        self._limits: dict[str, LoginLimit] = {}
        self._most = addresses

    def blocked(self, address: str, now: float) -> bool:
        """Return whether this address waits now."""
        limit = self._limits.get(address)
        return limit is not None and limit.blocked(now)

    def failed(self, address: str, now: float) -> None:
        """Count one failure."""
        limit = self._limits.pop(address, None) or LoginLimit()
        limit.failed(now)
        self._limits[address] = limit  # the newest stands last
        while len(self._limits) > self._most:
            self._limits.pop(next(iter(self._limits)))
