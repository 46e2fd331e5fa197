"""One holder at a time, until its file is closed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from mirante.locks import lock, lock_when_free


def test_one_holder_until_it_lets_go(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert lock(first)
    assert not lock(second)
    with (tmp_path / "file").open() as third:  # opened and closed by the same process: the lock stays
        assert not lock(third.fileno())
    assert not lock(second)
    os.close(first)
    assert lock(second)
    os.close(second)


def test_who_waits_gets_it(tmp_path: Path) -> None:
    first, second = (os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2))
    assert lock(first)
    waiting = threading.Thread(target=lock_when_free, args=(second,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    os.close(first)
    waiting.join(10)
    assert not waiting.is_alive()
    os.close(second)
