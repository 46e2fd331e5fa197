"""Which MLflow server to talk to, the client for it, and its errors in our words."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from mirante.errors import TrackingError
from mirante.tracking.login import LOGINS, login_refusal

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "NEEDS_SCHEME",
    "asking",
    "brief_requests",
    "connect",
    "lacks_scheme",
    "moment_of",
    "no_answer",
    "plain_address",
    "refused",
    "server_name",
    "tracking_uri",
    "unless_missing",
]

NEEDS_SCHEME = "needs http:// or https:// before host and port, such as http://127.0.0.1:5000"
"""What to say of a URI that `lacks_scheme`."""

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")
_MISSING = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_RETRIES, _TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
_CHANGING = threading.Lock()  # held to change the two below, never while MLflow is asked
_LIMITS: list[Mapping[str, int]] = []  # of those who are in `brief_requests` now
_SET: dict[str, str] = {}  # what they set in the environment
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED = frozenset({400, 401, 403, 404})
_UNAUTHENTICATED = 401
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")
_LONGEST_REASON = 400


def tracking_uri(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the URI that MLflow would use in this process, without importing MLflow when that can be helped.

    What ``mlflow.set_tracking_uri`` was given counts first, then ``MLFLOW_TRACKING_URI``, then MLflow's
    own default, ``sqlite:///mlflow.db`` in the working directory, if full MLflow is installed:
    mlflow-skinny has no SQLite store.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Look here only, instead of in this process.

    Returns
    -------
    str or None
        The URI, or None if nothing is configured and there is no default.

    Examples
    --------
    >>> tracking_uri({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"})
    'http://127.0.0.1:5000'
    """
    if environ is not None:
        return environ.get("MLFLOW_TRACKING_URI") or None
    loaded = sys.modules.get("mlflow")
    if loaded is not None and hasattr(loaded, "is_tracking_uri_set") and loaded.is_tracking_uri_set():
        return str(loaded.get_tracking_uri())
    if configured := os.environ.get("MLFLOW_TRACKING_URI"):
        return configured
    try:
        metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return None
    import mlflow

    return str(mlflow.get_tracking_uri())


def connect(uri: str | None = None) -> MlflowClient:
    """Return a client for a tracking server; nothing is sent yet.

    Parameters
    ----------
    uri : str, optional
        The tracking URI; what MLflow would use itself by default.

    Returns
    -------
    mlflow.MlflowClient
        The client. Making it imports MLflow, about 2 seconds the first time.

    Raises
    ------
    TrackingError
        If no URI is configured and there is no default, or MLflow does not know this kind of URI.
    """
    wanted = uri or tracking_uri()
    if wanted is not None and lacks_scheme(wanted):
        raise TrackingError(f"the MLflow tracking URI {NEEDS_SCHEME}")
    if wanted is None:
        raise TrackingError(
            "no MLflow server is configured; set MLFLOW_TRACKING_URI (for example http://127.0.0.1:5000) "
            "or install full MLflow for its local store: pip install 'mirante[mlflow]'"
        )
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return MlflowClient(tracking_uri=wanted)
    except (MlflowException, ValueError, ImportError) as error:
        raise TrackingError(
            f"cannot use {server_name(wanted)} as MLflow tracking URI: {_reason(error)}"
        ) from error


def lacks_scheme(uri: str) -> bool:
    """Return whether a tracking URI is a host with a port alone; MLflow would take it for a folder.

    Examples
    --------
    >>> lacks_scheme("localhost:5000"), lacks_scheme("http://localhost:5000"), lacks_scheme("./mlruns")
    (True, False, False)
    """
    return re.fullmatch(r"([^/@\s]*@)?[\w.-]+:\d+(/.*)?", uri) is not None


def server_name(uri: str) -> str:
    """Return a tracking URI fit for messages: without user name and password.

    Examples
    --------
    >>> server_name("https://ana:secret@mlflow.example.com/team")
    'https://mlflow.example.com/team'
    """
    return _PASSWORD.sub("", uri)


def plain_address(address: str) -> str:
    """Return an address fit for messages and for what is kept: no user, password, query or fragment.

    Examples
    --------
    >>> plain_address("https://ana:secret@example.com/rows.csv?X-Amz-Signature=0a1b")
    'https://example.com/rows.csv'
    """
    return re.split(r"[?#]", server_name(address), maxsplit=1)[0] if "://" in address else address


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    text = server_name(lines[0]) if lines else type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "its certificate is signed by nobody that this machine knows; name the file of the authority's "
            "certificate: mlflow.ca_file in mirante.yaml, or MLFLOW_TRACKING_SERVER_CERT_PATH"
        )
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + " …"


def no_answer(uri: str) -> str:
    """Return how it is said that nothing answers at a tracking URI.

    Examples
    --------
    >>> no_answer("https://ana:secret@mlflow.example.com")
    'no MLflow server answers at https://mlflow.example.com'
    """
    return f"no MLflow server answers at {server_name(uri)}"


def _unanswered(error: BaseException | None) -> bool:
    """Return whether nobody answered. MLflow wraps what happened, with the connection pool's whole text."""
    import requests

    while error is not None and not isinstance(error, requests.RequestException):
        error = error.__cause__ or error.__context__
    lost = isinstance(error, requests.ConnectionError | requests.Timeout)
    return lost and not isinstance(error, requests.exceptions.SSLError)


@contextlib.contextmanager
def asking(client: MlflowClient, what: str) -> Iterator[None]:
    """Turn MLflow's errors into `TrackingError` that says what was tried and where.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client; its server is named in the message.
    what : str
        What was tried: ``"find the monitoring run of host/web-1"``.

    Raises
    ------
    LoginRefusedError
        If MLflow does not take the login: said alike whatever was tried.
    TrackingError
        If MLflow or the network raised.
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException, OSError) as error:
        server = server_name(client.tracking_uri)
        if isinstance(error, MlflowException) and error.get_http_status_code() == _UNAUTHENTICATED:
            refusal = login_refusal(server)
            LOGINS.refused(client.tracking_uri, refusal)
            raise refusal from error
        said = no_answer(server) if _unanswered(error) else f"MLflow at {server}: {_reason(error)}"
        raise TrackingError(f"could not {what}: {said}") from error


def refused(error: TrackingError) -> bool:
    """Return whether MLflow answered that it will not: no permission, say. Asking again changes nothing.

    Parameters
    ----------
    error : TrackingError
        Of `asking`.

    Examples
    --------
    >>> from mlflow.exceptions import MlflowException
    >>> from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, PERMISSION_DENIED
    >>> found = []
    >>> for code in (PERMISSION_DENIED, INTERNAL_ERROR):
    ...     try:
    ...         with asking(connect("http://127.0.0.1:9"), "read runs"):
    ...             raise MlflowException("no", code)
    ...     except TrackingError as error:
    ...         found.append(refused(error))
    >>> found
    [True, False]
    """
    from mlflow.exceptions import MlflowException

    cause = error.__cause__
    return isinstance(cause, MlflowException) and cause.get_http_status_code() in _REFUSED


def unless_missing(
    ask: Callable[_Asked, _Answer], *given: _Asked.args, **named: _Asked.kwargs
) -> _Answer | None:
    """Return what MLflow answers, or None when it says that there is no such thing.

    Parameters
    ----------
    ask : callable
        Of the client: ``client.get_model_version``.
    *given, **named
        What is asked for.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If MLflow has another objection; called inside `asking`, which says it in our words.

    Examples
    --------
    >>> from mlflow.exceptions import MlflowException
    >>> from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
    >>> def get_run(run_id):
    ...     raise MlflowException(f"no run {run_id}", RESOURCE_DOES_NOT_EXIST)
    >>> unless_missing(get_run, "7") is None, unless_missing(str.upper, "there")
    (True, 'THERE')
    """
    from mlflow.exceptions import MlflowException

    try:
        return ask(*given, **named)
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        return None


def moment_of(milliseconds: int | None) -> datetime | None:
    """Return a time as MLflow keeps it, in UTC; None for none, and for one that no calendar has.

    Examples
    --------
    >>> moment_of(1360281600000).isoformat(), moment_of(None), moment_of(10**18)
    ('2013-02-08T00:00:00+00:00', None, None)
    """
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


@contextlib.contextmanager
def brief_requests(*, retries: int = 1, timeout: int = 30) -> Iterator[None]:
    """Let MLflow's requests in this process give up early, for the length of a ``with`` block.

    By default MLflow tries seven more times, four minutes in all. Its client takes these limits from the
    environment alone, so they are set there and put back; limits that the user set are left as they are.
    Nobody waits for another: while several are in such a block the smallest limits hold for all of them.

    Parameters
    ----------
    retries : int, default 1
        Further tries.
    timeout : int, default 30
        Seconds for one try.

    Examples
    --------
    >>> with brief_requests(retries=3), brief_requests(retries=0):
    ...     os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    '0'
    """
    mine = {_RETRIES: retries, _TIMEOUT: timeout}
    with _CHANGING:
        _LIMITS.append(mine)
        _set_limits()
    try:
        yield
    finally:
        with _CHANGING:
            _LIMITS[:] = [one for one in _LIMITS if one is not mine]
            _set_limits()


def _set_limits() -> None:
    """Bring the environment to what those who are in need together; what the user set there stays."""
    for name in (_RETRIES, _TIMEOUT):
        if os.environ.get(name) != _SET.get(name):
            _SET.pop(name, None)
        elif _LIMITS:
            os.environ[name] = _SET[name] = str(min(one[name] for one in _LIMITS))
        elif name in _SET:
            del os.environ[name], _SET[name]
