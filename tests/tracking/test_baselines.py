"""Baselines beside model versions, on a real server."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from mirante.errors import InputError, TrackingError
from mirante.tracking import baselines
from mirante.tracking.client import connect

FILES = {"profile.bin": bytes(range(256)) * 50, "calibration.json": b'{"a": 1}'}


@pytest.fixture(scope="module")
def client(mlflow_server: str) -> Any:
    return connect(mlflow_server)


@pytest.fixture
def logged(client: Any) -> tuple[str, str, str]:
    """A registered version of a logged model, as MLflow 3 makes them: name, version, model id."""
    name = f"m-{uuid.uuid4().hex[:8]} é'"
    model = client.create_logged_model("0", name="m")
    client.log_model_artifact(model.model_id, __file__)
    model = client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    version = client.create_model_version(name, source=f"models:/{model.model_id}", model_id=model.model_id)
    return name, str(version.version), model.model_id


pytestmark = pytest.mark.server


def test_round_trip_beside_a_logged_model(client: Any, logged: tuple[str, str, str]) -> None:
    name, version, model_id = logged
    folder = baselines.save(client, name, version, FILES)
    assert baselines.load(client, name, version) == FILES
    assert client.get_model_version(name, version).tags[baselines.TAG] == folder
    assert client.get_logged_model(model_id).tags[baselines.TAG] == folder
    assert [found.path for found in client.list_logged_model_artifacts(model_id, "mirante")] == [folder]


def test_a_new_baseline_takes_over_and_the_same_one_changes_nothing(
    client: Any, logged: tuple[str, str, str]
) -> None:
    name, version, model_id = logged
    first = baselines.save(client, name, version, FILES)
    assert baselines.save(client, name, version, FILES) == first
    second = baselines.save(client, name, version, {"profile.bin": b"new"})
    assert second != first
    assert baselines.load(client, name, version) == {"profile.bin": b"new"}
    assert len(client.list_logged_model_artifacts(model_id, "mirante")) == 2  # the older one stays readable


def test_older_models_keep_it_with_their_run(client: Any) -> None:
    name = f"old-{uuid.uuid4().hex[:8]}"
    run_id = client.create_run("0").info.run_id
    client.create_registered_model(name)
    version = client.create_model_version(name, source=f"runs:/{run_id}/model", run_id=run_id).version
    folder = baselines.save(client, name, str(version), FILES)
    assert baselines.load(client, name, str(version)) == FILES
    assert [found.path for found in client.list_artifacts(run_id, "mirante")] == [folder]


def test_alias(client: Any, logged: tuple[str, str, str]) -> None:
    name, version, _ = logged
    client.set_registered_model_alias(name, "champion", version)
    assert baselines.resolve_alias(client, name, "champion") == version
    with pytest.raises(
        TrackingError, match=r"has no alias 'challenger' in MLflow at http.*set_registered_model_alias"
    ):
        baselines.resolve_alias(client, name, "challenger")
    with pytest.raises(
        TrackingError, match=r"there is no registered model 'nobody' in MLflow at http.*register it"
    ):
        baselines.resolve_alias(client, "nobody", "champion")


def test_what_is_missing_is_named(client: Any, logged: tuple[str, str, str]) -> None:
    name, version, _ = logged
    with pytest.raises(
        TrackingError,
        match=r"has no baseline in MLflow at http.*write one with the command: mirante baseline",
    ):
        baselines.load(client, name, version)
    with pytest.raises(TrackingError, match="has no version '99'"):
        baselines.load(client, name, "99")
    with pytest.raises(TrackingError, match="no registered model 'nobody'"):
        baselines.load(client, "nobody", "1")


def test_a_version_without_model_or_run_has_no_place(client: Any) -> None:
    name = f"bare-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    version = client.create_model_version(name, source="s3://bucket/model").version
    with pytest.raises(TrackingError, match="neither a logged model nor a run"):
        baselines.save(client, name, str(version), FILES)


@pytest.mark.parametrize("tag", ["../../etc", "/etc", "a/../../b"])
def test_a_hostile_tag_reads_nothing(client: Any, logged: tuple[str, str, str], tag: str) -> None:
    name, version, _ = logged
    client.set_model_version_tag(name, version, baselines.TAG, tag)
    with pytest.raises(TrackingError, match="no artifact folder"):
        baselines.load(client, name, version)


def test_a_tag_that_points_nowhere_is_an_error(client: Any, logged: tuple[str, str, str]) -> None:
    name, version, _ = logged
    client.set_model_version_tag(name, version, baselines.TAG, "mirante/baseline-gone")
    with pytest.raises(TrackingError, match="baseline"):
        baselines.load(client, name, version)


@pytest.mark.parametrize("files", [{}, {"a/b": b""}, {"../x": b""}, {"": b""}, {"..": b""}, {"a\\b": b""}])
def test_file_names_are_plain(client: Any, logged: tuple[str, str, str], files: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="baseline"):
        baselines.save(client, logged[0], logged[1], files)


def test_no_server(free_port: int) -> None:
    from mirante.tracking.client import brief_requests

    with brief_requests(retries=0, timeout=2), pytest.raises(TrackingError, match="alias 'champion'"):
        baselines.resolve_alias(connect(f"http://127.0.0.1:{free_port}"), "m", "champion")
