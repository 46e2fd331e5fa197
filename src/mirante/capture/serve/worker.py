"""One worker of ``mirante serve``: MLflow's scoring app behind the capture, on a socket that it was given.

Run by the launcher alone: ``python -m mirante.capture.serve.worker``.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mirante.capture.config import PrivacyConfig
from mirante.capture.intake import Batch, Exchange, Intake
from mirante.capture.metrics import ServingMetrics
from mirante.capture.middleware import Capture
from mirante.capture.pyfunc import RECORDED_BY_SERVER
from mirante.capture.recorder import Recorder
from mirante.capture.scoring import SkippedError, read_answer, read_inputs
from mirante.capture.shadow import Shadow
from mirante.capture.signature import Signature, warn_of_unknown
from mirante.errors import MiranteWarning
from mirante.inference_log.probabilities import spread

__all__ = ["ENVIRONMENT", "Orders", "guarded_app", "leave_drops_to_intake", "main"]

ENVIRONMENT = "MIRANTE_SERVE"

_log = logging.getLogger("mirante.capture")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the launcher tells its workers.

    Parameters
    ----------
    model, version, log : str
        What rows are recorded under, and where.
    prediction : str, optional
        Which of several values of one prediction is recorded.
    privacy : dict
        What of the features is recorded: of `PrivacyConfig.plain`.
    flush_interval : float
        Seconds until a row is durable.
    max_body, max_waiting : int
        Bytes of one request with its answer, and of all that wait to be read.
    grace : float
        Seconds for requests that are being answered when the worker is asked to end.
    shadow : int
        Port of the server of a model beside, which is asked what was answered; 0 for none.
    nice : int
        By how much this worker gives way to others.
    listener, life, ready : int
        File descriptors: the socket; a pipe that ends when the launcher does; where to say that it answers.
    """

    model: str
    version: str
    log: str
    prediction: str | None = None
    privacy: dict[str, Any] = field(default_factory=dict, repr=False)  # it may hold a key
    flush_interval: float = 1.0
    max_body: int = 8 << 20
    max_waiting: int = 64 << 20
    grace: float = 70.0
    shadow: int = 0
    nice: int = 0
    listener: int = -1
    life: int = -1
    ready: int = -1

    def environ(self) -> dict[str, str]:
        """Return what carries them to a worker."""
        return {ENVIRONMENT: json.dumps(asdict(self))}

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Orders:
        """Take out of an environment what it carries: what the model starts is not to inherit a key.

        Examples
        --------
        >>> Orders.of(Orders("churn", "3", "log").environ()).model
        'churn'
        """
        return cls(**json.loads(environ.pop(ENVIRONMENT)))


class _Reader:
    """Reads MLflow's own protocol."""

    def __init__(self, signature: Signature, part: str | None, private: frozenset[str]) -> None:
        self._signature, self._part, self._private = signature, part, private
        self._told = part is not None

    def __call__(self, exchange: Exchange) -> Batch:
        signature = self._signature
        rows = read_inputs(
            b"".join(exchange.body), exchange.kind, names=signature.names, texts=signature.texts
        )
        hidden = self._private - rows.columns.keys()
        # which of the values is to be left out cannot be told: of names by position, or of positions by name
        if hidden and (not rows.named or (not signature and any(map(str.isdecimal, hidden)))):
            raise SkippedError("names")
        right = exchange.status < 300
        predictions = read_answer(b"".join(exchange.answer), self._part) if right else None
        self._tell_of_several(predictions)
        return Batch(rows.columns, predictions, rows.count, rows.named)

    def _tell_of_several(self, predictions: list[Any] | None) -> None:
        """Say once that several values, which are no probabilities of classes, are kept as text."""
        first = predictions[0] if predictions and not self._told else None
        if isinstance(first, str) and first[:1] in ("[", "{"):
            with suppress(ValueError, RecursionError):  # a class may be called "[none]"
                first = json.loads(first)
        if not isinstance(first, (list, dict)):
            return
        self._told = True
        if not spread([first]).columns:
            _log.warning(
                "the model answers %d values a row that are not the probabilities of classes: they are "
                "recorded as text, and not judged as a number; --prediction 1 records the second alone",
                len(first),
            )


def guarded_app(
    app: Any, schema: Any, orders: Orders, shadow: Shadow | None = None, metrics: ServingMetrics | None = None
) -> tuple[Capture, Intake, Recorder]:
    """Return a scoring app with capture in front of it.

    Parameters
    ----------
    app : ASGI application
        ``mlflow.pyfunc.scoring_server.init(model)``.
    schema : mlflow.types.Schema or None
        The model's input schema.
    orders : Orders
        Of the launcher.
    shadow : Shadow, optional
        Is given what was answered.
    metrics : ServingMetrics, optional
        Where the capture counts.

    Returns
    -------
    tuple of Capture, Intake, Recorder
        The application; and what is to be closed, in this order, when it has ended.
    """
    config = PrivacyConfig(**orders.privacy)
    privacy = config.build(Path())
    recorder = Recorder(
        orders.model,
        orders.log,
        version=orders.version,
        flush_interval=orders.flush_interval,
        privacy=privacy,
        sample=config.sample,
    )
    signature = Signature.of(schema)
    warn_of_unknown(orders.model, signature, privacy.columns)
    read = _Reader(signature, orders.prediction, privacy.columns)
    intake = Intake(
        recorder, orders.model, read, metrics=metrics, signature=signature, max_bytes=orders.max_waiting
    )
    capture = Capture(
        app,
        intake,
        path="/invocations",
        metrics_path="/metrics",
        max_body=orders.max_body,
        prefix=lambda: recorder.process,
        shadow=shadow,
    )
    return capture, intake, recorder


def leave_drops_to_intake() -> None:
    """Leave out warnings of rows that are dropped: the intake tells of them, once a minute."""
    told = r"\d+ rows? of model .* (was|were) dropped|the recorder of model .* (cannot write|writes again)"
    warnings.filterwarnings("ignore", f"(?s:{told})", MiranteWarning)


def main() -> None:
    """Serve until told to end; then answer what was asked, and record what was answered."""
    from mlflow.pyfunc import scoring_server

    orders = Orders.of(os.environ)
    listener = socket.socket(fileno=orders.listener)
    threading.Thread(target=_end_with, args=(orders.life,), name="mirante-life", daemon=True).start()
    leave_drops_to_intake()
    os.environ[RECORDED_BY_SERVER] = "1"  # a model that records by itself leaves it to us
    model = scoring_server.load_model_with_mlflow_config(os.environ[scoring_server._SERVER_MODEL_PATH])
    schema = model.metadata.get_input_schema()
    os.nice(orders.nice)
    metrics = ServingMetrics()
    shadow = Shadow(orders.shadow, partial(metrics.shadowed, orders.model)) if orders.shadow else None
    app, intake, recorder = guarded_app(scoring_server.init(model), schema, orders, shadow, metrics)
    # uvicorn sends itself the signal again when it has ended, and the rows that wait would end with it
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        _serve(app, listener, orders)
    finally:
        if shadow is not None:
            shadow.close()
        intake.close()
        recorder.close()


def _serve(app: Any, listener: socket.socket, orders: Orders) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            os.write(orders.ready, b"1")

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=round(orders.grace)
    )
    Server(config).run(sockets=[listener])


def _end_with(life: int) -> None:
    """End as if asked to when the launcher has gone, however it went."""
    while os.read(life, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
    gc.freeze()  # the interpreter would look through all that a model brought along, for seconds
