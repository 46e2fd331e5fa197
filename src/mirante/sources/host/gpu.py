"""NVIDIA's GPUs, by nvidia-ml-py, the extra ``gpu``; without it, or without a GPU, nothing is said."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from mirante.sources.host.figure import Figure

__all__ = ["Gpus"]

_log = logging.getLogger(__name__)
_MOST = 16


def _library() -> Any:
    return import_module("pynvml")


class Gpus:
    """Reads the GPUs of this host; each reading's note is the GPU's name.

    Parameters
    ----------
    library : callable
        Gives the module ``pynvml``, or raises ImportError.

    Examples
    --------
    >>> def absent():
    ...     raise ImportError
    >>> list(Gpus(absent).figures())
    []
    """

    def __init__(self, library: Callable[[], Any] = _library) -> None:
        self._nvml = None
        try:
            nvml = library()
        except ImportError:
            return
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:  # no driver, no GPU
            _log.info("no GPU is watched: %s", error)
            return
        self._nvml = nvml

    def figures(self) -> Iterator[Figure]:
        """Give what each GPU says of itself; what one does not support is left out."""
        nvml = self._nvml
        if nvml is None:
            return
        try:
            handles = [
                nvml.nvmlDeviceGetHandleByIndex(index)
                for index in range(min(_MOST, nvml.nvmlDeviceGetCount()))
            ]
        except nvml.NVMLError as error:  # fell off the bus: the next call asks again
            _log.warning("the GPUs cannot be read: %s", error)
            return
        for index, handle in enumerate(handles):
            name = self._name(nvml, handle)
            for reading, ask in _ASKED.items():
                with contextlib.suppress(nvml.NVMLError):
                    yield Figure(reading, float(ask(nvml, handle)), {"gpu": str(index)}, name)

    @staticmethod
    def _name(nvml: Any, handle: Any) -> str:
        with contextlib.suppress(nvml.NVMLError):
            name = nvml.nvmlDeviceGetName(handle)
            return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        return ""


def _memory(nvml: Any, handle: Any) -> float:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return float(100 * memory.used / memory.total)


_ASKED: dict[str, Callable[[Any, Any], float]] = {
    "system_gpu_percent": lambda nvml, handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "system_gpu_memory_percent": _memory,
    "system_gpu_temperature_celsius": lambda nvml, handle: nvml.nvmlDeviceGetTemperature(
        handle, nvml.NVML_TEMPERATURE_GPU
    ),
    "system_gpu_power_watts": lambda nvml, handle: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
}
