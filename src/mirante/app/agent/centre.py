"""The service as the agent sees it: where batches go, and where it hears what to count."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from mirante.alerts.channels.http import retry_after
from mirante.app.agent.spool import Batch
from mirante.calls import CallError, ServiceCalls
from mirante.errors import ConfigError, MiranteError
from mirante.web.api.agent_models import (
    CHECKSUM,
    FORMAT,
    FORMAT_HEADER,
    SENT,
    SPEAKS,
    AgentBaseline,
    AgentJob,
)

__all__ = ["AwayError", "Centre", "RefusedError"]

_MOST_BYTES = 64 * 2**20
_WRONG_TOKEN = 60.0  # the service makes all wait from whose address many wrong ones come
_POISON = (400, 413, 422)
_JOBS = TypeAdapter(list[AgentJob])


class AwayError(MiranteError, RuntimeError):
    """The service does not take anything now; later it may.

    Parameters
    ----------
    reason : str
        In words, without the token.
    retry_after : float, optional
        Seconds that it asked to wait.
    status : int, optional
        Of its answer.
    """

    def __init__(self, reason: str, retry_after: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after, self.status = retry_after, status


class RefusedError(MiranteError, ValueError):
    """The service will never take this batch."""


class Centre:
    """Speaks to one service.

    Parameters
    ----------
    address : str
        Where its pages are; a path is kept.
    token : callable
        Gives the token, or None; called for each request.
    ca_file : Path, optional
        Certificates to trust beside the system's.
    seconds : float
        How long one answer may take.
    clock : callable
        The present, which is sent along.

    Raises
    ------
    ConfigError
        If the certificates cannot be read.
    """

    def __init__(
        self,
        address: str,
        token: Callable[[], str | None],
        *,
        ca_file: Path | None = None,
        seconds: float = 30.0,
        clock: Callable[[], datetime],
    ) -> None:
        self.name = address.rstrip("/")
        self._token, self._clock = token, clock
        context = ssl.create_default_context()
        if ca_file is not None:
            try:
                context.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"ca_file {str(ca_file)!r} cannot be read: {error}") from error
        self._calls = ServiceCalls(self.name, seconds=seconds, most=_MOST_BYTES, context=context)

    def send(self, batch: Batch) -> bool:
        """Send a batch, and return once the service has it on disk; False when it had it before.

        Parameters
        ----------
        batch : Batch
            As it is in the spool.

        Raises
        ------
        AwayError
            If it does not answer, or takes nothing now.
        RefusedError
            If it will never take this.
        """
        headers = {
            FORMAT_HEADER: str(batch.form),
            SPEAKS: str(FORMAT),
            CHECKSUM: str(batch.checksum),
            SENT: self._clock().astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
        answer = self._ask("agents/batches", batch.body, headers)
        if not isinstance(answer, dict) or answer.get("sequence") != batch.sequence:
            raise AwayError(f"{self.name} does not answer as a Mirante service does; look at the address")
        return bool(answer.get("taken"))

    def jobs(self) -> list[AgentJob]:
        """Return what is to be counted.

        Raises
        ------
        AwayError
            If it does not say.
        """
        try:
            return _JOBS.validate_python(self._ask("agents/jobs"))
        except ValidationError:
            raise AwayError(
                f"{self.name} says what to count in a form that is not known; upgrade this agent"
            ) from None

    def baseline(self, digest: str) -> dict[str, bytes]:
        """Return the files of a baseline.

        Parameters
        ----------
        digest : str
            From a job.

        Raises
        ------
        AwayError
            If it does not say.
        """
        try:
            found = AgentBaseline.model_validate(self._ask(f"agents/baselines/{quote(digest, safe='')}"))
            return {name: base64.b64decode(data) for name, data in found.files.items()}
        except ValueError:
            raise AwayError(f"{self.name} gave a baseline that cannot be read") from None

    def _ask(self, part: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        given = {FORMAT_HEADER: str(FORMAT), **(headers or {})}  # a batch is of the form that it was kept in
        try:
            return self._calls.ask(part, token=self._token(), body=body, headers=given)[0]
        except CallError as error:
            raise self._trouble(error, sends=body is not None) from None

    def _trouble(self, error: CallError, *, sends: bool) -> MiranteError:
        status = error.status
        if status == 401:
            reason = f"{self.name} does not take the token; give its web.agent_token with --token-file"
            return AwayError(reason, _WRONG_TOKEN)
        if status == 404 or (status is not None and 300 <= status < 400):
            return AwayError(
                f"{self.name} has no place for agents ({status}); look at the address, or upgrade it"
            )
        if sends and status in _POISON:
            return RefusedError(str(error))
        return AwayError(str(error), retry_after(error.retry_after, self._clock()), status)
