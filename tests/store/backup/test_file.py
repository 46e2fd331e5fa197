"""The file of a backup: whatever happened to it on the way is told, and half a one is never there."""

from __future__ import annotations

import random
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirante.errors import InputError, StoreError
from mirante.store.backup.file import Manifest, opened, writing

_MANIFEST = Manifest("0007", "0.1.0", datetime(2026, 3, 1, tzinfo=UTC), ("mirante_series",))


def _write(path: Path, data: bytes = b"x" * 3_000) -> Path:
    with writing(path, _MANIFEST) as file:
        file.write(data)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.backup", b"hello")
    with opened(path) as (manifest, file):
        assert manifest == _MANIFEST
        assert file.read()[:-32] == b"hello"


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    assert stat.S_IMODE(_write(tmp_path / "a.backup").stat().st_mode) == 0o600


def test_it_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    with writing(path, _MANIFEST):
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "a.backup", _MANIFEST):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"a\.backup cannot be written: No space left.*nothing is left"),
        writing(tmp_path / "a.backup", _MANIFEST),
    ):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.backup")
    with pytest.raises(InputError, match="is there already"):
        _write(path)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folder .*/no does not exist; create it: mkdir"):
        _write(tmp_path / "no" / "a.backup")


def _opens(path: Path) -> None:
    with opened(path):
        pass


def test_a_flipped_bit_anywhere_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.backup", b"x" * 200)
    whole = path.read_bytes()
    for bit in random.Random(1).sample(range(8 * len(whole)), 400):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"torn or was changed|no backup of Mirante"):
            _opens(path)


def test_a_torn_one_is_told(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.backup", b"x" * 200)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"torn or was changed|no backup of Mirante"):
            _opens(path)


def test_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        _opens(tmp_path / "a.backup")


def test_a_newer_form_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.store.backup.file.FORMAT", 2)
    path = _write(tmp_path / "a.backup")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"form 2 of a newer Mirante, this one reads 1.*--upgrade"):
        _opens(path)
