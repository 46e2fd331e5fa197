"""How Mirante logs in at an MLflow server, and how it stops: a login that was refused is not tried on and on.

MLflow's client takes its login from the environment alone, at each request. So a login of the config is put
there, and read again from its file each time: a token that is renewed on the disk holds at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mirante.errors import LoginRefusedError

__all__ = ["LOGINS", "Login", "Logins", "login_refusal", "request_options"]

_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_TOKEN, _CA = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_SERVER_CERT_PATH"
_UNAUTHENTICATED = 401
_FIRST_PAUSE, _LONGEST_PAUSE = 300.0, 3600.0
_UNKNOWN = 10.0


@dataclass(frozen=True, slots=True)
class Login:
    """What an MLflow server is shown: user and password, or a token; and whom it is believed by.

    Parameters
    ----------
    username, password : str, optional
        As MLflow's ``basic-auth`` takes them.
    token : str, optional
        Sent as ``Authorization: Bearer``.
    ca_file : str, optional
        Path of the certificates that the server's is signed with, in PEM; else those of the system.

    Examples
    --------
    >>> Login(username="ana", password="hunter2")
    Login(username='ana')
    """

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"Login(username={self.username!r})"

    def use(self) -> None:
        """Let MLflow's client in this process log in so; what is not given stays as the environment has it.

        Examples
        --------
        >>> Login().use()
        """
        if self.token is not None:
            for name in (_USER, _PASSWORD):  # MLflow takes them before a token
                os.environ.pop(name, None)
        elif self.username is not None:
            os.environ.pop(_TOKEN, None)
        named = {_USER: self.username, _PASSWORD: self.password, _TOKEN: self.token, _CA: self.ca_file}
        os.environ.update({name: value for name, value in named.items() if value is not None})


def request_options(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return login and certificates of the environment as ``requests`` takes them.

    Parameters
    ----------
    environ : mapping, optional
        The process' environment by default.

    Examples
    --------
    >>> request_options({"MLFLOW_TRACKING_TOKEN": "hunter2"})
    {'headers': {'Authorization': 'Bearer hunter2'}}
    >>> request_options({})
    {}
    """
    known = os.environ if environ is None else environ
    options: dict[str, Any] = {}
    if known.get(_USER) and known.get(_PASSWORD):
        options["auth"] = (known[_USER], known[_PASSWORD])
    elif known.get(_TOKEN):
        options["headers"] = {"Authorization": f"Bearer {known[_TOKEN]}"}
    if known.get(_CA):
        options["verify"] = known[_CA]
    return options


def login_refusal(server: str, environ: Mapping[str, str] | None = None) -> LoginRefusedError:
    """Return the error for a server that answered 401: what it was shown, and where to mend that.

    Parameters
    ----------
    server : str
        Its address without secrets.
    environ : mapping, optional
        The process' environment by default.

    Examples
    --------
    >>> print(login_refusal("https://mlflow.example.com", {}))
    MLflow at https://mlflow.example.com wants a login, and none is known: give mlflow.username and ...
    """
    shown = request_options(environ)
    if "auth" in shown:
        said = "refused the user or the password (401): mend"
    elif "headers" in shown:
        said = "refused the token (401): mend"
    else:
        said = "wants a login, and none is known: give"
    keys = "mlflow.token_file in mirante.yaml, or MLFLOW_TRACKING_TOKEN"
    if "headers" not in shown:
        keys = (
            "mlflow.username and mlflow.password_file (or mlflow.token_file) in mirante.yaml, or "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    return LoginRefusedError(f"MLflow at {server} {said} {keys} in the environment")


@dataclass(slots=True)
class _State:
    """What is known of one login at one server."""

    proved: bool = False
    refusal: LoginRefusedError | None = None
    pause: float = 0.0
    until: float = float("-inf")


class Logins:
    """Remembers which login a server took or refused, so that many askers do not lock an account.

    A login is first tried by one asker while the others wait. Refused, nobody asks that server with it for
    five minutes, then ten, up to an hour; another password or token in the environment is tried at once.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], _State] = {}
        self._trying, self._changing = threading.Lock(), threading.Lock()

    def _state(self, uri: str) -> _State:
        shown = (uri, *(os.environ.get(name) for name in (_USER, _PASSWORD, _TOKEN)))
        with self._changing:
            return self._known.setdefault((uri, hash(shown)), _State())

    def refused(self, uri: str, refusal: LoginRefusedError) -> None:
        """Note that a server answered 401 to the login of the environment.

        Parameters
        ----------
        uri : str
            Its address.
        refusal : LoginRefusedError
            What to say until it is another login.
        """
        state, now = self._state(uri), self._clock()
        with self._changing:
            state.refusal, state.proved = refusal, False
            if now >= state.until:  # and not one of several that asked at the same moment
                state.pause = min(max(2 * state.pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                state.until = now + state.pause

    def admit(self, uri: str, ask: Callable[[], object]) -> None:
        """Let an asker through, or not.

        Parameters
        ----------
        uri : str
            Address of the server.
        ask : callable
            Asks it for something small that wants a login; raises `LoginRefusedError` (through
            `mirante.tracking.client.asking`) when that is refused.

        Raises
        ------
        LoginRefusedError
            If the server refused this login, now or lately.
        """
        state = self._state(uri)
        nameless = request_options().keys().isdisjoint({"auth", "headers"})  # and so locks no account
        if state.proved or (nameless and state.refusal is None):
            return
        with self._trying:
            now = self._clock()
            if state.refusal is not None and now < state.until:
                raise LoginRefusedError(str(state.refusal))
            if state.proved or now < state.until:
                return
            try:
                ask()
            except LoginRefusedError:
                raise
            except Exception:  # away, slow, broken: those who ask next say so better
                state.until = self._clock() + _UNKNOWN
            else:
                state.proved, state.refusal, state.pause = True, None, 0.0


LOGINS = Logins()
"""What this process knows of its logins: MLflow's client has them for the whole process as well."""
