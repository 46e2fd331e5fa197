"""Notes of webhooks, on both kinds of stores."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mirante.sources.registry import wake as module
from mirante.sources.registry.wake import wake, woken
from mirante.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    url = (
        f"sqlite:///{tmp_path}/m.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    with Store(url) as opened:
        yield opened


def test_what_was_written_down_since_is_heard_once(store):
    assert woken(store, 0) is None
    first = wake(store, "churn")
    second = wake(store, "risk")
    assert woken(store, 0).models == {"churn", "risk"}
    assert woken(store, first).models == {"risk"}
    assert woken(store, second) is None
    wake(store, "churn")
    assert woken(store, second).models == {"churn"}


def test_notes_that_come_at_once_are_all_counted(store):
    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(lambda n: wake(store, f"m{n}"), range(12)))
    assert sorted(numbers) == list(range(1, 13))
    assert len(woken(store, 0).models) == 12


def test_only_the_last_models_are_named(store, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 3)
    for number in range(5):
        wake(store, f"m{number}")
    heard = woken(store, 0)
    assert (heard.number, heard.models) == (5, {"m2", "m3", "m4"})
