"""Baselines on a real server: found, listed, described, saved."""

import json
import uuid

import pytest

from mirante.app.baseline import make_baseline
from mirante.app.baseline.keeping import describe, kept_baseline, list_baselines, save_files
from mirante.errors import InputError
from mirante.tracking import baselines
from mirante.tracking.client import connect
from tests.app.trained import rows
from tests.monitors.registry import register


@pytest.fixture(scope="module")
def model(mlflow_server, tmp_path_factory):
    """A model with a baseline at version 1, none at version 2, and aliases on both."""
    client = connect(mlflow_server)
    name, _ = register(client, f"it's <b> é {uuid.uuid4().hex[:8]}", alias="live")
    client.set_registered_model_alias(name, "old", "1")
    path = tmp_path_factory.mktemp("data") / "normal rows.parquet"
    rows(600).to_parquet(path)
    make_baseline(
        f"{name}/1",
        path,
        "said",
        time_column="at",
        label_column="late",
        window="1d",
        sample_rows=300,
        tracking_uri=mlflow_server,
    )
    register(client, name, alias="next")
    return name


@pytest.mark.server
def test_what_is_kept_is_described(mlflow_server, model):
    kept = kept_baseline(f"models:/{model}@live", tracking_uri=mlflow_server)
    assert kept.name == f"models:/{model}/1"
    assert kept.aliases == ("live", "old")
    assert kept.created.startswith("20")
    assert kept.place.startswith("mirante/baseline-")
    told = describe(kept)
    json.dumps(told, allow_nan=False)
    assert (told["rows"], told["windows"], told["window"], told["task"]) == (600, 25, "1d", "probability")
    assert (told["data"], told["sample_rows"]) == ("file normal rows.parquet", 300)
    assert told["performance"]["accuracy"] == pytest.approx(kept.baseline.performance["accuracy"])
    assert "roc_auc" in told["estimated"]
    columns = {one["column"]: one for one in told["columns"]}
    age = rows(600)["age"]
    assert columns["age"]["median"] == pytest.approx(age.quantile(0.5, interpolation="lower"))
    assert columns["age"]["mean"] == pytest.approx(age.mean())
    assert columns["plan"]["levels"] == 2
    assert columns["plan"]["top"][0][1] == pytest.approx(
        (rows(600)["plan"] == columns["plan"]["top"][0][0]).mean()
    )
    assert columns["customer"]["levels"] == 600


@pytest.mark.server
def test_the_smallest_effect_is_what_the_monitor_would_say(mlflow_server, model):
    kept = kept_baseline(f"{model}@live", tracking_uri=mlflow_server)
    effects = [describe(kept, number)["columns"][0]["smallest_effect"] for number in (30, 300)]
    assert effects[0] > effects[1] > 0.03
    told = describe(kept, 301)  # more than the sample has
    assert told["effect_rows"] is None
    assert {one["smallest_effect"] for one in told["columns"]} == {None}
    assert describe(kept)["effect_rows"] == 24  # 600 rows in 25 windows


@pytest.mark.server
def test_what_has_none_is_said(mlflow_server, model):
    with pytest.raises(
        InputError, match=rf"version 2 of .* has no baseline; write one: .*create models:/{model}/2"
    ):
        kept_baseline(f"{model}@next", tracking_uri=mlflow_server)
    with pytest.raises(InputError, match="there is no registered model 'nobody'"):
        kept_baseline("nobody", tracking_uri=mlflow_server)


@pytest.mark.server
def test_all_are_listed_and_those_with_an_alias_and_none(mlflow_server, model):
    found = [one for one in list_baselines(tracking_uri=mlflow_server) if one.model == model]
    assert found == list_baselines(model, tracking_uri=mlflow_server)
    assert found == list_baselines(f"models:/{model}@live", tracking_uri=mlflow_server)
    newer, older = found
    assert (newer.version, newer.aliases, newer.place, newer.rows) == ("2", ("next",), "", None)
    assert (older.version, older.aliases, older.rows) == ("1", ("live", "old"), 600)
    assert older.data == "file normal rows.parquet"
    assert older.created.startswith("20")
    with pytest.raises(InputError, match="there is no registered model 'nobody'"):
        list_baselines("nobody", tracking_uri=mlflow_server)


@pytest.mark.server
@pytest.mark.parametrize("summary", ["", "{", "7", '{"folder": "other", "rows": 9}', '{"rows": 9}'])
def test_a_summary_of_another_baseline_is_not_believed(mlflow_server, summary):
    client = connect(mlflow_server)
    name, version = register(client)
    client.set_model_version_tag(name, version, baselines.TAG, "mirante/baseline-1")
    client.set_model_version_tag(name, version, baselines.SUMMARY, summary)
    [found] = list_baselines(name, tracking_uri=mlflow_server)
    assert (found.place, found.created, found.rows, found.data) == ("mirante/baseline-1", "", None, "")


@pytest.mark.server
def test_files_go_out_and_come_back(mlflow_server, model, tmp_path):
    kept = kept_baseline(f"{model}/1", tracking_uri=mlflow_server)
    folder = save_files(kept, tmp_path / "a" / "b")
    assert save_files(kept, folder) == folder
    back = kept_baseline(str(folder))
    assert back.baseline.profile == kept.baseline.profile
    assert (back.name, back.created, back.aliases) == (str(folder), "", ())
    (folder / "profile.bin").write_bytes(b"cut")
    with pytest.raises(InputError, match="no profile"):
        kept_baseline(str(folder))
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"holds 'a' already; give a new or empty folder"):
        save_files(kept, tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        save_files(kept, tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
