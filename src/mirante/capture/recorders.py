"""Recorders by model, made when they are first needed: for predictions that come from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mirante.capture.recorder import Recorder
from mirante.errors import NotFoundError

__all__ = ["Recorders"]

_MOST = 64


class Recorders:
    """Records predictions of several models, each into the inference log that it has in the config.

    Parameters
    ----------
    recorder_of : callable
        Makes the recorder of a model; None for a model that is not known.
    named : collection of str, optional
        The models that the config names, also those of which nothing was recorded yet.

    Examples
    --------
    >>> import tempfile
    >>> from mirante.inference_log.reader import InferenceLog
    >>> with tempfile.TemporaryDirectory() as root:
    ...     recorders = Recorders(lambda model: Recorder(model, root) if model == "churn" else None)
    ...     ids = recorders.record("churn", "3", [{"age": 31}], [0.25], ids=["order-17"])
    ...     recorders.close()
    ...     InferenceLog(root).scan("churn", columns=["age", "__id"]).to_pylist()
    [{'age': 31, '__id': 'order-17'}]
    """

    def __init__(self, recorder_of: Callable[[str], Recorder | None], named: Collection[str] = ()) -> None:
        self.named = frozenset(named)
        self._recorder_of = recorder_of
        self._lock = threading.Lock()
        self._recorders: dict[str, Recorder] = {}

    def record(
        self,
        model: str,
        version: str,
        inputs: Sequence[Mapping[str, Any]],
        predictions: Sequence[Any],
        *,
        ids: Sequence[str] | None = None,
        times: Sequence[Any] | None = None,
        latencies: Sequence[float | None] | None = None,
    ) -> list[str]:
        """Record rows, durable about a second later.

        Parameters
        ----------
        model, version : str
            Whose predictions.
        inputs : sequence of mapping
            Features, a mapping for each row.
        predictions, ids, times, latencies : sequence
            One for each row; ids are made up and times are now when not given.

        Returns
        -------
        list of str
            The ids.

        Raises
        ------
        NotFoundError
            If the model is not known.
        """
        found = self._recorder(model).log(
            list(inputs),
            list(predictions),
            None if latencies is None else list(latencies),
            id=None if ids is None else list(ids),
            time=None if times is None else list(times),
            version=version,
        )
        return list(found)

    def _recorder(self, model: str) -> Recorder:
        with self._lock:
            recorder = self._recorders.pop(model, None)
            if recorder is None:
                recorder = self._recorder_of(model)
                if recorder is None:
                    raise NotFoundError(
                        f"the config names no model {model[:80]!r}; add it under models:, with its log"
                    )
                if len(self._recorders) >= _MOST:
                    oldest = next(iter(self._recorders))
                    self._recorders.pop(oldest).close()
            self._recorders[model] = recorder  # last in: the first is the one longest unused
            return recorder

    def close(self) -> None:
        """Write what waits, and close all; a later row opens its recorder again."""
        with self._lock:
            recorders, self._recorders = list(self._recorders.values()), {}
        for recorder in recorders:
            recorder.close()
