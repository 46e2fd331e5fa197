import functools
import pickle
import threading
import time
import uuid
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn import metrics

from mirante.app.baseline import make_baseline
from mirante.cli import main
from mirante.errors import ConfigError, InputError, TrackingError
from mirante.monitors.baseline import fetch_baseline
from mirante.tracking.client import connect
from tests.app.trained import rows, trained
from tests.monitors.conftest import make_rows
from tests.monitors.registry import register


class Quiet(SimpleHTTPRequestHandler):
    """Files over http, without a line for each."""

    def log_message(self, *_):
        pass


def normal_rows(days=8, count=40):
    parts = [make_rows(day, count) for day in range(days)]
    frame = pd.concat([part[0] for part in parts], ignore_index=True)
    frame["said"] = np.concatenate([part[1] for part in parts])
    frame["at"] = pd.concat([part[2] for part in parts], ignore_index=True)
    frame["late"] = (np.random.default_rng(0).random(len(frame)) < frame["said"]).astype(float)
    frame.loc[::7, "late"] = np.nan
    return frame


def written(frame, tmp_path, ending):
    path = tmp_path / f"normal rows.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.server
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_it_is_made_from_a_file_and_found_by_the_alias(mlflow_server, tmp_path, ending):
    client = connect(mlflow_server)
    name, version = register(client, alias="live")
    frame = normal_rows()
    said = make_baseline(
        name,
        written(frame, tmp_path, ending),
        "said",
        time_column="at",
        label_column="late",
        alias="live",
        window="1d",
        timezone="America/New_York",
        alarm_budget="1 per 90d",
        tracking_uri=mlflow_server,
    )
    size = "320 rows, 2 features, 320 rows kept as a sample; estimated before labels are in: accuracy, "
    assert said.startswith(f"wrote the baseline of {name}, version {version} (live): {size}")
    found, baseline = fetch_baseline(client, name, "live")
    assert found == version
    assert baseline.features == ("age", "plan")
    assert baseline.task == "probability"
    about = baseline.about
    assert (about["rows"], about["windows"], about["window"]) == (320, 9, "1d")  # 8 days of UTC
    assert (about["timezone"], about["alarm_budget"]) == ("America/New_York", "1 per 90d")
    known = frame["late"].notna()
    loss = metrics.log_loss(frame["late"][known], frame["said"][known])
    assert baseline.performance["log_loss"] == pytest.approx(loss, abs=1e-9)
    assert baseline.sample.num_rows == 320
    assert baseline.profile.columns["age"].missing == frame["age"].isna().sum() > 0


@pytest.mark.server
def test_a_baseline_that_is_replaced_is_told_and_what_it_had_more(mlflow_server, tmp_path):
    name, _ = register(connect(mlflow_server), alias="live")
    first, second = normal_rows(), normal_rows().rename(columns={"age": "idade"})
    make = [written(frame, tmp_path, ending) for frame, ending in ((first, "csv"), (second, "parquet"))]
    told = [
        make_baseline(name, path, "said", time_column="at", alias="live", tracking_uri=mlflow_server)
        for path in make
    ]
    assert "replaces" not in told[0]
    assert told[1].splitlines()[1] == (
        "it replaces the baseline that the version had; features that are not in these data: age; new: idade"
    )


@pytest.mark.server
def test_a_folder_of_parquet_files_will_do_without_times_and_labels(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    name, _ = register(client)
    folder = tmp_path / "rows"
    folder.mkdir()
    frame = normal_rows(2)[["age", "plan", "said"]]
    frame[:30].to_parquet(folder / "a.parquet")
    frame[30:].to_parquet(folder / "b.parquet")
    said = make_baseline(name, folder, "said", tracking_uri=mlflow_server, sample_rows=0)
    assert ": 80 rows, 2 features, 0 rows kept as a sample; no performance is estimated" in said
    assert said.endswith("the data have no label; name their column with --label")
    _, baseline = fetch_baseline(client, name, "champion")
    assert (baseline.about["rows"], baseline.about["windows"]) == (80, 0)
    assert dict(baseline.performance) == {}
    assert baseline.sample is None


@pytest.mark.server
def test_a_model_or_alias_that_is_not_there_is_said(mlflow_server, tmp_path):
    path = written(normal_rows(1), tmp_path, "csv")
    with pytest.raises(InputError, match="there is no registered model 'nobody'"):
        make_baseline("nobody", path, "said", tracking_uri=mlflow_server)
    name, _ = register(connect(mlflow_server))
    with pytest.raises(InputError, match="has no alias 'challenger'"):
        make_baseline(name, path, "said", alias="challenger", tracking_uri=mlflow_server)


@pytest.mark.server
@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        (lambda frame: frame[:0], {}, "has no rows"),
        (lambda frame: frame[["said"]], {}, "has no features"),
        (lambda frame: frame.assign(at="soon"), {"time_column": "at"}, "times cannot be read"),
        (lambda frame: frame.assign(late="yes"), {"label_column": "late"}, "labels are no numbers"),
        (lambda frame: frame.assign(prediction=1.0), {}, "a feature is named 'prediction'"),
    ],
)
def test_rows_that_make_no_baseline_are_said_and_nothing_is_written(
    mlflow_server, tmp_path, change, options, text
):
    client = connect(mlflow_server)
    name, _ = register(client)
    path = written(change(normal_rows(1)), tmp_path, "parquet")
    with pytest.raises(InputError, match=text):
        make_baseline(name, path, "said", tracking_uri=mlflow_server, **options)
    with pytest.raises(TrackingError, match="has no baseline"):
        fetch_baseline(client, name, "champion")


def test_columns_that_are_not_there_are_named_before_mlflow_is_asked(tmp_path, tracking_off):
    path = written(normal_rows(1), tmp_path, "csv")
    began = time.monotonic()
    with pytest.raises(
        InputError,
        match=r"rows\.csv has no column 'sad', 'when'; it has 'age', 'plan', 'said', 'at', 'late'$",
    ):
        make_baseline("churn", path, "sad", time_column="when", label_column="late")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.parquet", b"no parquet", "is none of the formats that are read: Parquet, CSV, Arrow"),
        ("rows.pkl", b"\x80\x04K\x01.", "is none of the formats that are read"),
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b'a,b\n1,2,3\n"', "cannot be read: "),
        ("rows.csv", b"\xff\xfe\x00binary\x00", "cannot be read: "),
        ("rows.parquet", None, "is not there"),
        ("rows.csv", None, "is not there"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} {said}"):
        make_baseline("churn", path, "said")


def test_a_wrong_window_is_said_before_mlflow_is_asked(tmp_path, tracking_off):
    path = written(normal_rows(1), tmp_path, "csv")
    with pytest.raises(ConfigError, match="divisor of a day"):
        make_baseline("churn", path, "said", window="7h")


def test_a_server_that_is_away_is_said_within_seconds(tmp_path, tracking_off):
    path = written(normal_rows(1), tmp_path, "csv")
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match="the alias 'champion' points to: no MLflow server answers at http"
    ):
        make_baseline(uuid.uuid4().hex, path, "said")
    assert time.monotonic() - began < 20


@pytest.mark.server
def test_what_the_config_drops_and_hashes_is_not_in_a_baseline(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    name, _ = register(client)
    frame = normal_rows()
    frame["customer"], frame["name"] = [f"CUST-{n % 20}" for n in range(len(frame))], "Ermengarde"
    privacy = "privacy: {drop: [name], hash: [customer], key: a key of sixteen and more}"
    (tmp_path / "mirante.yaml").write_text(f"models: [{{model: {name}, {privacy}}}]\n")
    path = written(frame.drop(columns=["at", "late"]), tmp_path, "parquet")
    arguments = [
        "baseline",
        "create",
        name,
        "--data",
        path,
        "--prediction",
        "said",
        "--tracking-uri",
        mlflow_server,
    ]
    done = CliRunner().invoke(main, [*map(str, arguments), "-c", str(tmp_path / "mirante.yaml")])
    assert done.exit_code == 0, done.output
    _, baseline = fetch_baseline(client, name, "champion")
    assert baseline.features == ("age", "plan", "customer")
    levels = baseline.profile.columns["customer"].levels
    assert len(levels) == 20
    assert not [level for level in levels if "CUST" in level]
    assert "CUST" not in str(baseline.sample.to_pylist())


@pytest.mark.server
def test_without_data_it_is_what_the_models_run_logged(mlflow_server, tmp_path):
    frame, path = rows(600), tmp_path / "jan 2026 é.parquet"
    frame.to_parquet(path)
    tags = {"mirante.prediction": "said", "mirante.label": "late", "mirante.time": "at"}
    inputs = {
        "train": (frame, str(path), "training", tags),
        "valid": (frame[:], path.as_uri(), "validation", tags),
        "memory": (frame, None, "test", {}),
    }
    name, version, run_id = trained(mlflow_server, inputs=inputs)
    told = make_baseline(f"models:/{name}/{version}", window="1d", tracking_uri=mlflow_server).splitlines()
    assert told[0].startswith(
        f"wrote the baseline of {name}, version {version}: 600 rows, 2 features, 600 rows"
    )
    assert told[1] == "other data sets of the run, which were not taken: train (training), memory (test)"
    assert told[2].startswith(f"data: data set 'valid' (validation) of run {run_id}, {path.as_uri()}, 0.0 MB")
    assert told[3:] == [
        "prediction: the column said, as the data set's tag mirante.prediction says",
        "time: the column at, as the data set's tag mirante.time says",
        "label: the column late, as the data set's tag mirante.label says",
        "not in the data, and the model does not require them: more",
        "left out, since the model is not given them: customer (--keep-extra keeps them)",
    ]
    _, baseline = fetch_baseline(connect(mlflow_server), name, "champion")
    assert baseline.features == ("age", "plan")
    assert baseline.about["windows"] == 25
    assert baseline.about["data"] == f"data set 'valid' (validation) of run {run_id}"
    assert "log_loss" in baseline.performance
    trained_on = make_baseline(name, dataset="train", tracking_uri=mlflow_server)
    assert "the model was trained on these rows: on new ones it will do less well than on them" in trained_on
    frame[:500].to_parquet(path)
    fewer = make_baseline(name, f"run:{run_id}/validation", tracking_uri=mlflow_server)
    assert "the data set had 600 rows when it was logged; its source has 500 now" in fewer


@pytest.mark.server
@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        (
            {},
            {},
            r"no data set was logged with the run that made .*--data FILE, or log them .*mlflow\.log_input",
        ),
        ({"m": (None, "test")}, {}, "was made in memory, .*give it with --data FILE"),
        ({"m": ("/gone/rows.parquet", "test")}, {}, "there is no such file or folder on this machine"),
        ({"m": ("{here}/a.parquet", "x"), "n": ("{here}/b.parquet", "y")}, {}, "say which: --dataset NAME"),
        ({"m": ("{here}/a.parquet", "x")}, {"dataset": "z"}, r"no data set 'z'; it has 'm' \('x'\)"),
        ({"m": ("{here}/a.parquet", "x")}, {}, "nothing says which column .*--predict"),
        ({"m": ("{here}/rows.pkl", "x")}, {}, "is none of the formats that are read"),
        ({"m": ("{here}/a.parquet", "x")}, {"data": "run:{run}/m", "dataset": "n"}, "give one of the two"),
        ({}, {"data": "run:{run}"}, "no data set was logged with run '.*--data FILE"),
        ({}, {"data": "run:nothere"}, "there is no run 'nothere'"),
        ({}, {"data": "{here}/a.parquet", "dataset": "n"}, "leave one of them out"),
        ({}, {"data": "foo://a/b"}, "of the kind 'foo'"),
    ],
)
def test_what_stands_in_the_way_of_logged_data_is_said(mlflow_server, tmp_path, inputs, options, said):
    frame = rows(30)
    for place in ("a.parquet", "b.parquet"):
        frame.to_parquet(tmp_path / place)
    (tmp_path / "rows.pkl").write_bytes(pickle.dumps(frame))
    logged = {
        name: (frame, place and place.format(here=tmp_path), context, {})
        for name, (place, context) in inputs.items()
    }
    name, _, run_id = trained(mlflow_server, inputs=logged)
    asked = {key: text.format(here=tmp_path, run=run_id) for key, text in options.items()}
    with pytest.raises(InputError, match=said):
        make_baseline(name, **asked, tracking_uri=mlflow_server)


@pytest.mark.server
def test_data_behind_an_address(mlflow_server, tmp_path):
    rows(300).to_csv(tmp_path / "normal rows.csv", index=False)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/normal%20rows.csv"
        inputs = {"web": (rows(300), address, "validation", {"mirante.prediction": "said"})}
        name, _, run_id = trained(mlflow_server, inputs=inputs)
        logged = make_baseline(name, tracking_uri=mlflow_server)
        given = make_baseline(name, address, "said", tracking_uri=mlflow_server)
        server.shutdown()
    assert f"data: data set 'web' (validation) of run {run_id}, {address}, " in logged
    assert f"data: {address}, {address}, " in given
    assert "300 rows, 2 features" in given


@pytest.mark.server
def test_a_model_that_predicts(mlflow_server, tmp_path):
    frame, path = rows(300), tmp_path / "inputs.csv"
    frame[["age", "plan", "late"]].to_csv(path, index=False)
    name, _, _ = trained(mlflow_server, folder=tmp_path)
    told = []
    said = make_baseline(
        name,
        path,
        predict=True,
        label_column="late",
        tracking_uri=mlflow_server,
        told=lambda *counts: told.append(counts),
    )
    assert "300 rows, 2 features, 300 rows kept as a sample; estimated before labels are in: accuracy" in said
    assert told == [(300, 300)]
    _, baseline = fetch_baseline(connect(mlflow_server), name, "champion")
    assert baseline.profile.columns["prediction"].mean == pytest.approx(frame["age"].mean() / 100)
    empty = tmp_path / "empty.parquet"
    frame[:0].to_parquet(empty)
    with pytest.raises(InputError, match="has no rows"):
        make_baseline(name, empty, predict=True, tracking_uri=mlflow_server)


@pytest.mark.server
def test_codes_that_the_model_takes_as_text_stay_text(mlflow_server, tmp_path):
    path = tmp_path / "codes.csv"
    rows(200).assign(plan="007").to_csv(path, index=False)
    name, _, _ = trained(mlflow_server)
    make_baseline(name, path, "said", tracking_uri=mlflow_server)
    _, baseline = fetch_baseline(connect(mlflow_server), name, "champion")
    assert baseline.profile.columns["plan"].levels == ("007",)


def test_slices_are_written_with_it_and_a_wrong_one_writes_nothing(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    name, _version = register(client, alias="live")
    path = written(normal_rows(), tmp_path, "parquet")
    options = {"alias": "live", "window": "1d", "tracking_uri": mlflow_server}
    with pytest.raises(InputError, match="there is no column 'paln'; did you mean 'plan'"):
        make_baseline(name, path, "said", slices=["paln"], **options)
    said = make_baseline(name, path, "said", slices=["plan"], **options)
    found = fetch_baseline(client, name, "live")[1].slices
    assert f"{len(found.slices)} slices" in said
    assert {one.slice.key for one in found.slices} == {"plan"}
