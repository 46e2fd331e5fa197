"""Every error that Mirante raises on purpose, and the door to optional packages.

An error says what was got, what is needed and what to do. None of them ever carries a secret.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = [
    "ArchiveError",
    "ConfigError",
    "ConflictError",
    "DeliveryError",
    "InputError",
    "LeaseLostError",
    "LoginRefusedError",
    "MiranteError",
    "MiranteWarning",
    "MissingDependencyError",
    "NotFittedError",
    "NotFoundError",
    "NotRegisteredError",
    "ServeError",
    "StoreError",
    "TrackingError",
    "need",
]


class MiranteError(Exception):
    """The root: ``except MiranteError`` catches all that Mirante raises on purpose."""


class MiranteWarning(UserWarning):
    """Something was left out (a tracking server out of reach, dropped rows), and the work went on."""


class InputError(MiranteError, ValueError):
    """Data that cannot be worked on: empty, all missing, wrong shape, wrong type."""


class NotFittedError(MiranteError, RuntimeError):
    """A detector was asked before it had seen its baseline."""


class ConfigError(MiranteError, ValueError):
    """A setting, rule or expression that is wrong; the message names the place."""


class ServeError(MiranteError, RuntimeError):
    """A model cannot be served: its workers end before they answer."""


class StoreError(MiranteError, RuntimeError):
    """The store could not be opened, read or written."""


class LeaseLostError(StoreError):
    """Another service holds the lease of the store by now: what this one wanted to write was not written."""


class NotFoundError(MiranteError, LookupError):
    """An id that stands for nothing in the store."""


class ConflictError(MiranteError, RuntimeError):
    """Somebody else was there first, or it is over: what was asked for no longer makes sense."""


class ArchiveError(MiranteError, RuntimeError):
    """The archive of an inference log could not be reached, read or written, or belongs to another log."""


class TrackingError(MiranteError, RuntimeError):
    """MLflow answered with an error, or did not answer."""


class NotRegisteredError(TrackingError):
    """MLflow answered, and has no such model, version, alias, baseline or experiment."""


class NoBaselineError(NotRegisteredError):
    """MLflow answered, and has the model version, but no baseline of it."""


class LoginRefusedError(TrackingError):
    """MLflow does not take the user and password, or the token, that it was shown."""


class MissingDependencyError(MiranteError, ImportError):
    """An optional package is not installed; the message gives the ``pip install`` line."""


class DeliveryError(MiranteError, RuntimeError):
    """A notice was not delivered.

    Parameters
    ----------
    reason : str
        What happened, in words, without any secret.
    retry : bool, default False
        Whether the same notice may be delivered by a later try.
    retry_after : float, optional
        Seconds that the other side asked us to wait.

    Examples
    --------
    >>> error = DeliveryError("Slack answered 429", retry=True, retry_after=1.0)
    >>> error.retry, error.retry_after
    (True, 1.0)
    """

    def __init__(self, reason: str, *, retry: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.retry_after = retry_after


def need(module: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of ``mirante`` that brings it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the package is not installed.

    Examples
    --------
    >>> need("json", extra="demo").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        wanted = f"the package {module!r} is needed for this and is not installed"
        message = f"{wanted}; run: pip install 'mirante[{extra}]'"
        raise MissingDependencyError(message) from error
