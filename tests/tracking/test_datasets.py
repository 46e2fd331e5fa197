"""Data sets that real runs logged: which there are, which one is taken, and where its rows are."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from mirante.errors import InputError
from mirante.tracking.client import connect
from mirante.tracking.datasets import Dataset, choose, datasets_of, fetch, run_of
from mirante.tracking.models import ModelName, find_model
from tests.app.trained import rows, trained


def local(name: str, context: str, place: str = "/x") -> Dataset:
    return Dataset("local", json.dumps({"uri": place + name}), name, context, "run")


@pytest.mark.server
def test_what_a_run_logged(mlflow_server: str, tmp_path: Path) -> None:
    client = connect(mlflow_server)
    frame, path = rows(40), tmp_path / "with a space é.parquet"
    frame.to_parquet(path)
    tags = {"mirante.label": "late"}
    inputs = {"jan <b>": (frame, str(path), "training", tags), "memory": (frame, None, "test", {})}
    name, version, run_id = trained(mlflow_server, inputs=inputs)
    assert run_of(client, find_model(client, ModelName(name, None, version))) == run_id
    first, second = datasets_of(client, run_id)
    assert (first.name, first.context, first.source_type, first.rows) == ("jan <b>", "training", "local", 40)
    assert first.tags["mirante.label"] == "late"
    assert str(first) == f"data set 'jan <b>' (training) of run {run_id}"
    assert (first.loadable, second.loadable, second.source_type, second.place) == (True, False, "code", "")
    assert fetch(first, tmp_path) == path
    with pytest.raises(InputError, match="was made in memory, so MLflow does not know where its rows are"):
        fetch(second, tmp_path)
    assert choose([first, second]) is first


@pytest.mark.server
def test_runs_that_are_not_known(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    with pytest.raises(InputError, match="there is no run 'nothere' in MLflow"):
        datasets_of(client, "nothere")
    name = f"bare-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    client.create_model_version(name, source="s3://bucket/model")
    assert run_of(client, find_model(client, ModelName(name, None, "1"))) is None
    model = client.create_logged_model("0", name="m", source_run_id=client.create_run("0").info.run_id)
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_model_version(name, source=f"models:/{model.model_id}", model_id=model.model_id)
    assert run_of(client, find_model(client, ModelName(name, None, "2"))) == model.source_run_id


@pytest.mark.parametrize(
    ("contexts", "wanted", "taken"),
    [
        (["training", "validation"], None, "validation"),
        (["training", "Evaluation", ""], None, "Evaluation"),
        (["train", "testing"], None, "testing"),
        (["train", ""], None, ""),
        (["train", "holdout"], "train", "train"),
        (["train", "holdout"], "nholdout", "holdout"),
    ],
)
def test_which_of_several_is_taken(contexts: list[str], wanted: str | None, taken: str) -> None:
    found = [local(f"n{context}", context) for context in contexts]
    assert choose(found, wanted).context == taken


def test_what_can_be_loaded_comes_first() -> None:
    memory = Dataset("code", '{"tags": {}}', "m", "validation", "run")
    assert choose([memory, local("t", "training")]).name == "t"
    assert choose([memory]).name == "m"


def test_several_that_would_do_are_named() -> None:
    with pytest.raises(
        InputError, match=r"several .*: 'a' \('test'\), 'b' \('test'\); say which: --dataset NAME"
    ):
        choose([local("a", "test"), local("b", "test"), local("c", "train")])
    with pytest.raises(InputError, match=r"no data set 'z'; it has 'a' \('test'\)"):
        choose([local("a", "test")], "z")
    same = Dataset("local", '{"uri": "/x"}', "a", "test", "run")
    assert choose([same, same]) == same


def test_files_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "a b%20.csv"
    path.write_text("x\n1\n")
    assert fetch(Dataset.at(path.as_uri()), tmp_path) == path
    assert fetch(Dataset("local", json.dumps({"uri": str(path)})), tmp_path) == path
    assert fetch(Dataset("local", json.dumps({"uri": str(tmp_path)})), tmp_path) == tmp_path
    for place, said in (
        (str(tmp_path / "gone.csv"), "there is no such file or folder on this machine"),
        ("/dev/zero", "there is no such file or folder on this machine"),
        ("file://elsewhere/x.csv", "another machine"),
    ):
        with pytest.raises(InputError, match=said):
            fetch(Dataset("local", json.dumps({"uri": place})), tmp_path)


@pytest.mark.parametrize("kind", ["hugging_face", "spark", "delta_table", "code", "pickle", "plug-in"])
def test_sources_that_would_run_code_are_not_loaded(kind: str, tmp_path: Path) -> None:
    source = json.dumps({"path": "pandas", "data_files": "https://evil.example/x.pkl"})
    with pytest.raises(InputError, match=r"save it as Parquet or CSV and give it with --data FILE"):
        fetch(Dataset(kind, source, "n", "test", "run"), tmp_path)


@pytest.mark.parametrize(
    "source", ["", "{", "7", "[]", "null", '"text"', '{"uri": null}', '{"uri": {"a": 1}}']
)
def test_sources_that_are_no_places(source: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data FILE"):
        fetch(Dataset("local", source, "n", "test", "run"), tmp_path)


def test_secrets_in_addresses_are_not_shown(tmp_path: Path, free_port: int) -> None:
    one = Dataset.at(f"http://ana:secret@127.0.0.1:{free_port}/rows.csv?signature=0a1b")
    assert str(one) == one.shown == f"http://127.0.0.1:{free_port}/rows.csv"
    with pytest.raises(InputError, match="cannot be fetched") as caught:
        fetch(one, tmp_path)
    assert not [word for word in ("secret", "0a1b") if word in str(caught.value)]
    with pytest.raises(InputError):
        fetch(Dataset.at("http://[bad/rows.csv"), tmp_path)


def test_a_storage_that_does_not_answer_is_said(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InputError, match=r"s3://bucket/rows.csv' cannot be loaded \(.+\); save it as"):
        fetch(Dataset.at("s3://bucket/rows.csv"), tmp_path)
    with pytest.raises(InputError, match="is of the kind 'foo'"):
        fetch(Dataset.at("foo://bucket/rows.csv"), tmp_path)
