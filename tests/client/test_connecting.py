"""What an address, a path or nothing leads to, and what is said when it leads nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirante import connect
from mirante.errors import ConfigError, InputError, StoreError
from mirante.readings import Reading
from mirante.store import Store

TIME = datetime(2013, 2, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(f"sqlite:///{tmp_path}/own.db") as store:
        store.readings.write([Reading("system_cpu_percent", 93.0, TIME, {"host": "web-1"})])
    (tmp_path / "mirante.yaml").write_text("store: sqlite:///own.db\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("target", ["sqlite:///{0}/own.db", "{0}", "{0}/mirante.yaml", "{0}/own.db"])
def test_every_way_to_a_store(folder: Path, target: str):
    for given in (target.format(folder), Path(target.format(folder)))[: 1 if "://" in target else 2]:
        with connect(given) as found:
            assert found.readings()["value"].tolist() == [93.0]
            assert str(folder / "own.db") in repr(found)


def test_without_a_target_it_is_what_the_commands_take(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MIRANTE_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    with connect() as found:
        assert len(found.subjects()) == 1
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError, match="there is no store at"):
        connect()
    monkeypatch.setenv("MIRANTE_CONFIG", str(folder / "mirante.yaml"))
    with connect() as found:
        assert len(found.subjects()) == 1
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sqlite:///{0}/none.db", "there is no store at"),
        ("{0}/none.db", "is not there"),
        ("{0}/empty", "there is no mirante.yaml in"),
        ("http://", "address of a service"),
        ("http://ana:secret@127.0.0.1:1", "without user and password"),
        ("http://127.0.0.1:port", "not the address"),
        ("http://[", "not the address"),
    ],
)
def test_what_leads_nowhere_is_said_and_nothing_is_made(folder: Path, target: str, said: str):
    (folder / "empty").mkdir()
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError, match=said) as caught:
        connect(target.format(folder))
    assert "secret" not in str(caught.value)
    assert sorted(folder.rglob("*")) == before


def test_a_wrong_config_and_a_wrong_store(folder: Path):
    (folder / "mirante.yaml").write_text("stroe: x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="stroe"):
        connect(folder)
    (folder / "text.db").write_text("not a database, and long enough to be looked at" * 100, encoding="utf-8")
    with pytest.raises(StoreError, match="not a SQLite database"):
        connect(folder / "text.db")
    with pytest.raises(StoreError, match="SQLite or PostgreSQL"):
        connect("mysql://user:hunter2@host/db")
