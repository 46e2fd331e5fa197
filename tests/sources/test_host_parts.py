"""The machine, its mounts and its processes; and that one part's trouble is not the others'."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from mirante.sources.host import HostSource
from mirante.sources.host.figure import Figure
from mirante.sources.host.machine import machine_figures
from mirante.sources.host.mounts import mount_figures
from mirante.sources.host.processes import Processes

AT = datetime(2013, 2, 8, tzinfo=UTC)


def test_a_machine_without_disk_and_network_gives_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_io_counters", lambda: None)
    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    names = [figure.name for figure in machine_figures()]
    assert names == ["system_cpus", "system_load1", "system_load5", "system_load15", "system_swap_percent"]


def part(device: str, mountpoint: Path | str, fstype: str = "ext4") -> Any:
    return SimpleNamespace(device=device, mountpoint=str(mountpoint), fstype=fstype, opts="rw")


def mounts(monkeypatch: pytest.MonkeyPatch, *parts: Any) -> list[str]:
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: list(parts))  # noqa: A006  psutil's name
    return [figure.labels["mount"] for figure in mount_figures() if figure.name == "system_mount_percent"]


def test_one_path_for_each_device_and_no_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, snap, hosts = tmp_path / "data", tmp_path / "snap", tmp_path / "hosts"
    data.mkdir()
    snap.mkdir()
    (data / "again").mkdir()
    hosts.touch()
    found = mounts(
        monkeypatch,
        part("/dev/sda1", hosts),  # a container sees /etc/hosts as a mount
        part("/dev/sdb1", data / "again"),
        part("/dev/sdb1", data),
        part("/dev/loop1", snap, "squashfs"),
        part("/dev/sdc1", tmp_path / "gone"),
    )
    assert found == ["/", str(data)]
    assert mounts(monkeypatch, part("/dev/sda1", "/"), part("/dev/sda1", data)) == ["/"]


def test_there_are_never_more_than_twenty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parts = [part(f"/dev/sd{n}", tmp_path / f"m{n:02}") for n in range(50)]
    for one in parts:
        Path(one.mountpoint).mkdir()
    found = mounts(monkeypatch, *reversed(parts))
    assert found == ["/", *(str(tmp_path / f"m{n:02}") for n in range(19))]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A busy process whose long name goes on, in its command line, with a secret."""
    program = tmp_path / "a-very-long-program-name"
    shutil.copy("/bin/bash", program)
    said = f"{program.name} --token=hunter2"
    process = subprocess.Popen([said, "-c", "while :; do :; done"], executable=program)
    yield process
    process.kill()
    process.wait()


def test_the_busiest_process_is_named_and_its_command_line_is_not(busy: subprocess.Popen[bytes]) -> None:
    processes = Processes(most=500)
    time.sleep(0.5)
    figures = [one for one in processes.figures() if one.note.endswith(f"({busy.pid})")]
    assert psutil.Process(busy.pid).name().endswith("--token=hunter2"), "psutil by itself would tell it"
    assert {one.note for one in figures} == {f"a-very-long-pro ({busy.pid})"}
    percent, memory = (one.value for one in figures)
    assert 5 < percent <= 110 / (psutil.cpu_count() or 1)
    assert memory > 100_000


def test_ranks_are_bounded_and_in_order() -> None:
    processes = Processes(most=3)
    figures = list(processes.figures())
    for name in ("system_process_cpu_percent", "system_process_memory_bytes"):
        ranked = [one for one in figures if one.name == name]
        assert [one.labels["rank"] for one in ranked] == ["1", "2", "3"]
        assert [one.value for one in ranked] == sorted((one.value for one in ranked), reverse=True)


def test_a_process_that_ends_meanwhile_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(most=1)

    class Gone:
        def __init__(self, pid: int) -> None:
            raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", Gone)
    assert {one.note.split()[0] for one in processes.figures()} == {"?"}


def test_a_part_that_fails_is_told_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[Figure]:
        raise OSError("no /proc")
        yield

    source = HostSource("h", parts=[broken, lambda: [Figure("system_load1", 0.5)]])
    for _ in range(2):
        names = [reading.name for reading in source.read(AT)]
        assert names[0] == "system_cpu_percent"
        assert names[-1] == "system_load1"
    assert caplog.text.count("no /proc") == 1


def test_a_reading_costs_some_milliseconds() -> None:
    source = HostSource("h")
    source.read(AT)
    before = time.process_time()
    source.read(AT)
    assert time.process_time() - before < 0.02 + 0.001 * len(psutil.pids())
    assert os.sep in {reading.labels.get("mount") for reading in source.read(AT)}
