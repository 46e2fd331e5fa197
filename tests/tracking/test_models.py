"""A model as people name it: read, found on a real server, and what is near to a name that is not there."""

from __future__ import annotations

import uuid

import pytest

from mirante.errors import InputError, TrackingError
from mirante.tracking.client import brief_requests, connect
from mirante.tracking.models import ModelName, aliases_of, every_page, find_model
from tests.monitors.registry import register


@pytest.mark.parametrize(
    ("text", "alias", "wanted"),
    [
        ("churn", None, ("churn", "champion", None)),
        ("churn", "live", ("churn", "live", None)),
        ("churn@live", None, ("churn", "live", None)),
        ("churn@live", "live", ("churn", "live", None)),
        ("models:/churn@live", None, ("churn", "live", None)),
        ("models:/churn", None, ("churn", "champion", None)),
        ("models:/churn/3", None, ("churn", None, "3")),
        ("churn/03", None, ("churn", None, "3")),
        ("user@host@live", None, ("user@host", "live", None)),
        ("models:/user@host/7", None, ("user@host", None, "7")),
        ('it\'s "<b>"\n@live', None, ('it\'s "<b>"\n', "live", None)),
    ],
)
def test_all_forms_of_a_name(
    text: str, alias: str | None, wanted: tuple[str, str | None, str | None]
) -> None:
    found = ModelName.parse(text, alias)
    assert (found.name, found.alias, found.version) == wanted
    assert ModelName.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "alias", "said"),
    [
        ("", None, "give NAME"),
        ("models:/", None, "give NAME"),
        ("churn@", None, "give NAME"),
        ("@live", None, "give NAME"),
        ("churn/latest", None, "give NAME"),
        ("churn/-1", None, "give NAME"),
        ("churn/1/2", None, "give NAME"),
        ("churn/٣", None, "give NAME"),
        ("/3", None, "give NAME"),
        ("runs:/0a1b/model", None, "give NAME"),
        ("runs:x", None, "give NAME"),
        ("churn@live", "other", "names the alias 'live' and --alias 'other'; give one of the two"),
        ("churn/3", "live", "names a version and --alias 'live' another; give one of the two"),
    ],
)
def test_what_is_no_name_is_said(text: str, alias: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ModelName.parse(text, alias)


@pytest.mark.server
def test_a_version_is_found_by_alias_and_by_number(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, first = register(client, f"it's <b> é {uuid.uuid4().hex[:8]}", alias="old")
    register(client, name, alias="live")
    assert find_model(client, ModelName(name, "live")).version == "2"
    assert find_model(client, ModelName(name, None, first)).version == "1"
    assert aliases_of(client.get_registered_model(name)) == {"live": "2", "old": "1"}


@pytest.mark.server
def test_what_is_near_is_named(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, _ = register(client, f"Churn-{uuid.uuid4().hex[:8]}", alias="live")
    with pytest.raises(
        InputError, match=rf"no registered model '{name[1:].lower()}' .*did you mean '{name}'"
    ):
        find_model(client, ModelName(name[1:].lower()))
    with pytest.raises(InputError, match=r"there is no registered model '\?{20}' .*register it"):
        find_model(client, ModelName("?" * 20))
    with pytest.raises(InputError, match=rf"no alias 'lvie' .*it has 'live' \(version 1\).*models:/{name}/1"):
        find_model(client, ModelName(name, "lvie"))
    with pytest.raises(InputError, match=r"has no version '9' .*; its newest version is 1"):
        find_model(client, ModelName(name, None, "9"))
    bare = f"bare-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(bare)
    with pytest.raises(InputError, match=r"has no alias 'champion' .*; it has none;"):
        find_model(client, ModelName(bare))
    with pytest.raises(InputError, match=r"; it has none$"):
        find_model(client, ModelName(bare, None, "1"))


def test_a_server_that_is_away_is_no_wrong_name(tracking_off: str) -> None:
    with brief_requests(retries=0, timeout=2), pytest.raises(TrackingError, match="alias 'champion'"):
        find_model(connect(tracking_off), ModelName("churn"))


def test_all_pages_are_read() -> None:
    class Page(list[str]):
        token: str | None = None

    def search(*, max_results: int, page_token: str | None, order: str) -> Page:
        assert (max_results, order) == (1000, "name")
        page = Page([f"{page_token}"])
        page.token = {None: "a", "a": "b", "b": ""}[page_token]
        return page

    assert every_page(search, order="name") == ["None", "a", "b"]
