"""Whether the tracking server is there, asked cheaply, and one warning per process when it is not."""

from __future__ import annotations

import math
import re
import threading
import time
import warnings
from collections.abc import Callable
from typing import TypeVar

from mirante.errors import MiranteWarning, TrackingError
from mirante.tracking.client import brief_requests, server_name
from mirante.tracking.login import request_options

__all__ = ["Reach", "reachable", "server_version", "within"]

T = TypeVar("T")


def reachable(uri: str, *, timeout: float = 1.0) -> bool:
    """Tell whether something answers at a tracking URI, within about two seconds.

    Any answer counts, also an error page or a certificate that we do not know: MLflow's own client says
    more about those. A URI that is not http or https (a database, Databricks) counts as reachable.

    Parameters
    ----------
    uri : str
        The tracking URI.
    timeout : float, default 1
        Seconds to connect, and seconds more to wait for the first byte.

    Returns
    -------
    bool
        Whether MLflow's client is worth a try.

    Examples
    --------
    >>> reachable("sqlite:///mlflow.db")
    True
    """
    if not uri.startswith(("http://", "https://")):
        return True
    import requests

    try:
        requests.get(
            uri.rstrip("/") + "/health", timeout=(timeout, timeout), allow_redirects=False, stream=True
        ).close()
    except requests.exceptions.SSLError:
        return True
    except requests.RequestException:
        return False
    return True


def server_version(uri: str, *, timeout: float = 2.0) -> str:
    """Ask an MLflow server for its version.

    Parameters
    ----------
    uri : str
        The tracking URI.
    timeout : float, default 2
        Seconds to connect, and seconds more to wait for the answer.

    Returns
    -------
    str
        Such as ``3.17.2``; empty where no server says one: a database, another program, no answer.

    Examples
    --------
    >>> server_version("sqlite:///mlflow.db")
    ''
    """
    if not uri.startswith(("http://", "https://")):
        return ""
    import requests

    try:
        with requests.get(
            uri.rstrip("/") + "/version",
            timeout=(timeout, timeout),
            allow_redirects=False,
            stream=True,
            **request_options(),
        ) as answer:
            said = answer.raw.read(64).decode("ascii", "replace").strip() if answer.ok else ""
    except (requests.RequestException, OSError):
        return ""
    return said if re.fullmatch(r"[0-9][0-9A-Za-z.+-]{0,40}", said) else ""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` and give up waiting after some seconds, whatever it hangs on.

    Parameters
    ----------
    seconds : float
        How long to wait. Work that takes longer goes on in a daemon thread and its result is dropped.
    work : callable
        Without arguments.

    Returns
    -------
    object
        What `work` returned.

    Raises
    ------
    TrackingError
        If it took too long.

    Examples
    --------
    >>> within(5.0, lambda: 1 + 1)
    2
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="mirante-tracking", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # from Python 3.12 on, no thread starts any more while the interpreter ends
        with brief_requests(retries=0, timeout=math.ceil(seconds)):
            return work()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TrackingError(f"no answer within {seconds:g} s")
    return results[0]


class Reach:
    """Remembers which servers were out of reach, and warns once.

    Parameters
    ----------
    probe : callable, default `reachable`
        Asks a URI.
    clock : callable, default `time.monotonic`
        Seconds that never go back.
    pause : float, default 60
        Seconds during which a server that was away is not asked again.
    trust : float, default 10
        Seconds during which a server that was there is not asked again.
    """

    def __init__(
        self,
        probe: Callable[[str], bool] = reachable,
        clock: Callable[[], float] = time.monotonic,
        *,
        pause: float = 60.0,
        trust: float = 10.0,
    ) -> None:
        self._probe = probe
        self._clock = clock
        self._pause = pause
        self._trust = trust
        self._lock = threading.Lock()
        self._known: dict[str, tuple[bool, float]] = {}
        self._warned = False

    def ready(self, uri: str) -> bool:
        """Tell whether `uri` is worth a try now.

        Parameters
        ----------
        uri : str
            The tracking URI.

        Returns
        -------
        bool
            False while it is known to be away.
        """
        with self._lock:  # threads that come meanwhile wait for this one's answer instead of asking as well
            there, until = self._known.get(uri, (False, float("-inf")))
            if self._clock() >= until:
                there = self._probe(uri)
                self._known[uri] = (there, self._clock() + (self._trust if there else self._pause))
            return there

    def failed(self, uri: str) -> None:
        """Note that a request to `uri` failed, so that it is left alone for a while.

        Parameters
        ----------
        uri : str
            The tracking URI.
        """
        with self._lock:
            self._known[uri] = (False, self._clock() + self._pause)

    def warn(self, uri: str | None, reason: str) -> None:
        """Warn once per process that results are not in MLflow.

        Parameters
        ----------
        uri : str or None
            The tracking URI, None if there is none.
        reason : str
            What happened.
        """
        if self._warned:
            return
        self._warned = True
        where = "MLflow" if uri is None else f"MLflow at {server_name(uri)}"
        warnings.warn(
            f"not logged to {where}: {reason}. Results are the same without it; log=False keeps this quiet. "
            "This is said once per process.",
            MiranteWarning,
            stacklevel=4,
        )
