"""Registered models of a real MLflow, in a few questions."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mirante.errors import TrackingError
from mirante.tracking.baselines import TAG
from mirante.tracking.client import connect
from mirante.tracking.versions import ModelSeen, find_models, find_seen, versions_page
from tests.monitors.registry import register

pytestmark = pytest.mark.server


@pytest.mark.filterwarnings("ignore:.*transition_model_version_stage:FutureWarning")
def test_models_come_with_their_aliases_newest_versions_and_stages(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, _ = register(client, alias="champion")
    for _ in range(2):
        register(client, name, alias=None)
    client.set_model_version_tag(name, "3", TAG, "mirante/baseline-1")
    client.transition_model_version_stage(name, "2", "Staging")
    empty = f"m-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(empty)
    client.register_prompt(f"p-{empty}", "Hello {{ name }}")
    found = {one.name: one for one in find_models(client)}
    seen = found[name]
    assert (seen.number, seen.aliases, seen.stages) == (3, {"champion": "1"}, {"Staging": "2"})
    assert seen.newest is not None
    assert (seen.newest.version, seen.newest.has_baseline, seen.newest.stage) == ("3", True, "")
    assert seen.newest.created is not None
    assert abs(seen.newest.created - datetime.now(UTC)) < timedelta(minutes=5)
    assert (found[empty].number, found[empty].newest) == (0, None)
    assert f"p-{empty}" not in found
    first = find_seen(client, name, "1")
    assert first is not None
    assert (first.version, first.has_baseline) == ("1", False)
    assert find_seen(client, name, "9") is None
    assert find_seen(client, f"no-{name}", "1") is None


def test_versions_are_counted_page_by_page(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, _ = register(client)
    for _ in range(4):
        register(client, name)
    found, token, pages = [], None, 0
    while pages == 0 or token is not None:
        page, token = versions_page(client, token, 3)
        found += page
        pages += 1
    assert sorted(number for model, number in found if model == name) == [1, 2, 3, 4, 5]
    assert pages >= 2
    assert len(set(found)) == len(found)


def test_a_server_that_is_away_is_an_error_that_says_what_was_asked(free_port: int) -> None:
    client = connect(f"http://127.0.0.1:{free_port}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        for ask, what in (
            (lambda: find_models(client), "list the registered models"),
            (lambda: find_seen(client, "m", "1"), "look up version 1"),
            (lambda: versions_page(client, None, 3), "count the versions"),
        ):
            with pytest.raises(TrackingError, match=what):
                ask()


def test_a_model_of_which_little_is_said_is_one_all_the_same() -> None:
    page = [
        SimpleNamespace(
            name="m",
            creation_timestamp=None,
            last_updated_timestamp=10**18,
            aliases=None,
            latest_versions=None,
        )
    ]

    class Client:
        tracking_uri = "http://127.0.0.1:1"

        def search_registered_models(self, **_: object) -> object:
            return type("Page", (list,), {"token": None})(page)

    assert find_models(Client()) == [ModelSeen("m")]  # type: ignore[arg-type]  # a stand-in
