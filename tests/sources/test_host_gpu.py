"""GPUs through a double of nvidia-ml-py's documented functions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mirante.sources.host.gpu import Gpus


class NVMLError(Exception):
    """As pynvml's."""


class Double:
    """Two GPUs; the second knows neither its power nor its load, as boards for desktops do."""

    NVML_TEMPERATURE_GPU = 0
    NVMLError = NVMLError

    def __init__(self, count: int = 2, *, driver: bool = True, name: Any = "NVIDIA A100-SXM4-80GB") -> None:
        self.count, self.driver, self.name = count, driver, name
        self.lost = False

    def nvmlInit(self) -> None:  # noqa: N802  the library's name for it
        if not self.driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  as above
        if self.lost:
            raise NVMLError("GPU is lost")
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802  as above
        return index

    def nvmlDeviceGetName(self, handle: int) -> Any:  # noqa: N802  as above
        return self.name

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:  # noqa: N802  as above
        return SimpleNamespace(gpu=self._supported(handle, 87), memory=40)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802  as above
        return SimpleNamespace(total=80 * 2**30, used=20 * 2**30, free=60 * 2**30)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:  # noqa: N802  as above
        assert sensor == self.NVML_TEMPERATURE_GPU
        return 64

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802  as above
        return self._supported(handle, 312_500)  # milliwatts

    def _supported(self, handle: int, value: int) -> int:
        if handle == 1:
            raise NVMLError("Not Supported")
        return value


def found(gpus: Gpus) -> dict[tuple[str, str], float]:
    return {(one.name.removeprefix("system_gpu_"), one.labels["gpu"]): one.value for one in gpus.figures()}


def test_what_a_gpu_does_not_support_is_left_out() -> None:
    gpus = Gpus(Double)
    assert found(gpus) == {
        ("percent", "0"): 87.0,
        ("memory_percent", "0"): 25.0,
        ("temperature_celsius", "0"): 64.0,
        ("power_watts", "0"): 312.5,
        ("memory_percent", "1"): 25.0,
        ("temperature_celsius", "1"): 64.0,
    }
    assert {one.note for one in gpus.figures()} == {"NVIDIA A100-SXM4-80GB"}


def test_an_old_library_says_names_in_bytes() -> None:
    assert next(iter(Gpus(lambda: Double(name=b"Tesla K80")).figures())).note == "Tesla K80"


def test_without_a_driver_or_the_extra_nothing_is_said() -> None:
    def absent() -> Any:
        raise ImportError("No module named 'pynvml'")

    assert found(Gpus(absent)) == {}
    assert found(Gpus(lambda: Double(driver=False))) == {}


def test_a_lost_gpu_is_told_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    double = Double(1)
    gpus = Gpus(lambda: double)
    double.lost = True
    assert found(gpus) == {}
    assert "GPU is lost" in caplog.text
    double.lost = False
    assert len(found(gpus)) == 4


def test_there_are_never_more_than_sixteen() -> None:
    assert len({gpu for _, gpu in found(Gpus(lambda: Double(500)))}) == 16
