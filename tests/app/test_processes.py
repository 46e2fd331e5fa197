"""A process that ended is told from one that is stopped, is another's, or cannot be seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mirante.app import processes
from mirante.app.processes import is_gone, process_mark

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word is Linux's")

SAY = "from mirante.app.processes import process_mark; print(process_mark(), flush=True)"


def child(code: str = "") -> tuple[subprocess.Popen[str], str]:
    """A process that says its mark and waits to be ended."""
    wait = code or "import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", f"{SAY}; {wait}"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_process_is_gone_once_it_is_killed() -> None:
    process, mark = child()
    with process:
        try:
            assert mark.split(":")[:4] == process_mark().split(":")[:4]
            assert not is_gone(mark)
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            assert not is_gone(mark)
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie: nobody asked for its end
            assert is_gone(mark)
        finally:
            process.kill()
    assert is_gone(mark)  # and its number is free


def test_a_number_that_was_given_again_is_another_process() -> None:
    *place, own, begun = process_mark().split(":")
    assert is_gone(":".join((*place, own, str(int(begun) - 1))))


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_of_another_machine_boot_or_container_nothing_is_known(place: int) -> None:
    process, mark = child("pass")
    process.communicate()
    assert is_gone(mark)
    parts = mark.split(":")
    parts[place] = "another"
    assert not is_gone(":".join(parts))


@pytest.mark.parametrize("differs", ["name", "machine-id"])
def test_of_a_twin_from_one_snapshot_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    """It has the boot and the namespaces of the other, of whose living process the number is free here."""
    process, mark = child("pass")
    process.communicate()
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    if differs == "name":
        own = os.uname()
        monkeypatch.setattr(os, "uname", lambda: os.uname_result((own[0], "twin", *own[2:])))
    else:
        monkeypatch.setattr(processes, "_MACHINE", tmp_path / "machine-id")
    assert process_mark().split(":")[1:4] == mark.split(":")[1:4]
    assert not is_gone(mark)
    monkeypatch.undo()
    assert is_gone(mark)


def test_a_machine_without_an_id_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_MACHINE", tmp_path / "none")
    process, mark = child("pass")
    process.communicate()
    here = process_mark().split(":")
    assert len(here) == 6
    assert here[0].isalnum()
    assert is_gone(":".join((here[0], *mark.split(":")[1:])))


@pytest.mark.parametrize("number", ["0", "-1", "x", "", "²", str(1 << 70)])
def test_what_is_no_mark_is_no_process_that_ended(number: str) -> None:
    parts = process_mark().split(":")
    parts[4] = number
    assert not is_gone(":".join(parts))
    assert not is_gone(f"{process_mark()}:more")
    assert not is_gone("web-1")


def test_a_process_of_another_user_is_there() -> None:
    parts = process_mark().split(":")
    parts[4:] = "1", processes._stat(1).begun  # type: ignore[union-attr]  # the first process is always there
    assert not is_gone(":".join(parts))


def test_whose_first_thread_ended_is_not_over() -> None:
    code = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    process, mark = child(code)
    with process:
        try:
            ended = threading.Event()
            for _ in range(500):
                if (found := processes._stat(process.pid)) is not None and found.state == "Z":
                    break
                ended.wait(0.02)
            else:
                pytest.fail("its first thread did not end")
            assert not is_gone(mark)
        finally:
            process.kill()
    assert is_gone(mark)


def test_where_nothing_is_said_nobody_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, mark = child("pass")
    process.communicate()
    whole = process_mark()
    with monkeypatch.context() as patch:  # hidepid, or /proc of another namespace
        patch.setattr(processes, "_stat", lambda _: None)
        assert process_mark() == ""
        assert not is_gone(mark)
    with monkeypatch.context() as patch:
        patch.setattr(processes, "_namespace", lambda kind: "" if kind == "time" else "7")
        assert process_mark().split(":")[2:4] == ["7", ""]
        assert not is_gone(whole)
    seen = processes._stat
    with monkeypatch.context() as patch:  # only its own is shown
        patch.setattr(processes, "_stat", lambda one: seen(one) if one == os.getpid() else None)
        *place, _, begun = whole.split(":")
        assert not is_gone(":".join((*place, "1", begun)))
        monkeypatch.setattr(processes, "_PROC", tmp_path)
        assert process_mark() == ""
    assert processes._namespace("pid") == ""
    assert not processes._has_no_threads("1")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "stat").write_text("3 (a) b) S 1")
    assert processes._stat(3) is None
