import time
import uuid

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
from tests.monitors.conftest import make_rows
from tests.monitors.registry import register


def normal_rows(days=8, rows=40):
    parts = [make_rows(day, rows) for day in range(days)]
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
    with pytest.raises(TrackingError, match="there is no registered model 'nobody'"):
        make_baseline("nobody", path, "said", tracking_uri=mlflow_server)
    name, _ = register(connect(mlflow_server))
    with pytest.raises(TrackingError, match="has no alias 'challenger'"):
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
        InputError, match=r"rows\.csv has no column 'sad', 'when'; it has age, plan, said, at, late$"
    ):
        make_baseline("churn", path, "sad", time_column="when", label_column="late")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.parquet", b"no parquet"),
        ("rows.csv", b""),
        ("rows.csv", b'a,b\n1,2,3\n"'),
        ("rows.csv", b"\xff\xfe\x00binary\x00"),
        ("rows.parquet", None),
        ("rows.csv", None),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} cannot be read \(.+\); give a Parquet or CSV file"):
        make_baseline("churn", path, "said")


def test_a_wrong_window_is_said_before_mlflow_is_asked(tmp_path, tracking_off):
    path = written(normal_rows(1), tmp_path, "csv")
    with pytest.raises(ConfigError, match="divisor of a day"):
        make_baseline("churn", path, "said", window="7h")


def test_a_server_that_is_away_is_said_within_seconds(tmp_path, tracking_off):
    path = written(normal_rows(1), tmp_path, "csv")
    began = time.monotonic()
    with pytest.raises(TrackingError, match="the alias 'champion' points to: MLflow at http"):
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
    arguments = ["baseline", name, "--data", path, "--prediction", "said", "--tracking-uri", mlflow_server]
    done = CliRunner().invoke(main, [*map(str, arguments), "-c", str(tmp_path / "mirante.yaml")])
    assert done.exit_code == 0, done.output
    _, baseline = fetch_baseline(client, name, "champion")
    assert baseline.features == ("age", "plan", "customer")
    levels = baseline.profile.columns["customer"].levels
    assert len(levels) == 20
    assert not [level for level in levels if "CUST" in level]
    assert "CUST" not in str(baseline.sample.to_pylist())


@pytest.mark.server
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
