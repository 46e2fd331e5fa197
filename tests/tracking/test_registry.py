import pytest

from mirante.errors import TrackingError
from mirante.tracking import registry
from mirante.tracking.client import brief_requests, connect
from tests.monitors.registry import register


@pytest.fixture(scope="module")
def client(mlflow_server):
    return connect(mlflow_server)


@pytest.mark.server
def test_tags_of_versions(client):
    name, version = register(client)
    assert registry.read_version_tag(client, name, version, "t") is None
    registry.write_version_tag(client, name, version, "t", "ação")
    assert registry.read_version_tag(client, name, version, "t") == "ação"
    registry.write_version_tag(client, name, version, "t", None)
    registry.write_version_tag(client, name, version, "t", None)
    assert registry.read_version_tag(client, name, version, "t") is None
    assert registry.read_version_tag(client, name, "9", "t") is None
    with pytest.raises(
        TrackingError, match=f"could not write the tag 't' of version 9 of the model '{name}'"
    ):
        registry.write_version_tag(client, name, "9", "t", "x")


@pytest.mark.server
def test_a_version_is_found_with_its_tags(client):
    name, version = register(client)
    assert registry.version_tags(client, name, version) == {}
    for tag in ("a", "b"):
        registry.write_version_tag(client, name, version, tag, tag.upper())
    assert registry.version_tags(client, name, version) == {"a": "A", "b": "B"}
    assert (found := registry.find_version(client, name, version)) is not None
    assert (found.name, str(found.version)) == (name, version)
    for model, other in ((name, "9"), ("nobody", "1"), (name, "no number")):
        assert registry.find_version(client, model, other) is None
        assert registry.version_tags(client, model, other) is None


@pytest.mark.server
def test_aliases(client):
    name, _ = register(client)
    register(client, name, alias=None)
    assert registry.alias_version(client, name, "champion") == "1"
    registry.move_alias(client, name, "champion", "2")
    assert registry.alias_version(client, name, "champion") == "2"
    assert registry.alias_version(client, name, "nobody") is None
    assert registry.alias_version(client, "nobody", "champion") is None
    assert registry.version_exists(client, name, "2")
    assert not registry.version_exists(client, name, "3")


@pytest.mark.server
def test_the_version_before_has_a_finished_run(client):
    name, _ = register(client)  # logged without a run
    for status in ("FINISHED", "FINISHED", "KILLED"):
        run = client.create_run("0").info.run_id
        client.set_terminated(run, status)
        client.create_model_version(name, source=f"runs:/{run}/m", run_id=run)
    before = registry.finished_version_before
    assert [before(client, name, version) for version in ("4", "3", "2", "1")] == ["3", "2", None, None]
    assert before(client, name, "4", but={"3"}) == "2"
    client.delete_model_version(name, "3")
    assert before(client, name, "4") == "2"


@pytest.mark.server
def test_a_server_that_answers_is_given_and_one_that_is_away_is_said(client, free_port):
    assert registry.answering(lambda: client) is client
    away = connect(f"http://127.0.0.1:{free_port}")
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        registry.answering(lambda: away)
    with brief_requests(retries=0, timeout=1):
        for ask in (
            lambda: registry.alias_version(away, "m", "a"),
            lambda: registry.version_exists(away, "m", "1"),
            lambda: registry.version_tags(away, "m", "1"),
            lambda: registry.move_alias(away, "m", "a", "1"),
            lambda: registry.finished_version_before(away, "m", "2"),
        ):
            with pytest.raises(TrackingError, match="could not"):
                ask()
