"""The names of a folder are synced, and its descriptor is given back, also where that fails."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from mirante.durable import sync_folder


def test_the_folder_itself_is_synced_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def sync(handle: int) -> None:
        assert stat.S_ISDIR(os.fstat(handle).st_mode)
        seen.append(handle)
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match="input/output error"):
        sync_folder(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(seen[0])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
