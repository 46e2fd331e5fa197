"""A data frame judged window by window, from Python."""

from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mirante
from mirante.errors import ConfigError, InputError
from mirante.monitors.baseline import publish_baseline
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.web.pages import Query, model_page, overview
from tests.monitors.conftest import START, make_rows
from tests.monitors.registry import register

DAY = timedelta(days=1)
MODEL = {"time": "at", "prediction": "score", "label": "truth", "id": "key"}


def scored(*days, count=120, shift=0.0, seed=0):
    """Rows as a job that scores in batches keeps them: not in the order of time."""
    parts = []
    for day in days:
        features, predictions, times = make_rows(day, count, seed, shift=shift)
        truth = (np.random.default_rng([3, day + 99]).random(count) < predictions).astype(float)
        keys = [f"{day}-{number}" for number in range(count)]
        part = features.assign(at=times.dt.tz_localize(None), score=predictions, truth=truth, key=keys)
        parts.append(part.sample(frac=1, random_state=0))
    return pd.concat(parts[::-1], ignore_index=True)


@pytest.fixture(scope="module")
def normal():
    return scored(*range(-30, 0), count=60, seed=1)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mirante.db"


@pytest.mark.parametrize("kind", [lambda frame: frame, pl.from_pandas, lambda f: pa.table(pl.from_pandas(f))])
def test_a_scored_frame_has_windows_slices_limits_and_performance(normal, kind, tmp_path):
    frame = pd.concat([scored(0, 1), scored(2, shift=15.0), scored(3).assign(age=900.0)])
    result = mirante.monitor(kind(frame), "churn", baseline=kind(normal), slices=["plan"], **MODEL)
    windows = result.to_pandas()
    assert windows["rows"].tolist() == [120] * 4
    assert windows["drifted"].tolist() == [False, False, True, True]
    assert windows["performance_roc_auc"].between(0, 1).all()
    assert windows["estimated_roc_auc"].between(0, 1).all()
    assert result.drifted == (START + 2 * DAY, START + 3 * DAY)
    assert (result.rows, result.late, result.windows, result.version) == (480, 0, 4, "1")
    drift = result.drift_metrics()
    assert set(drift["slice_value"].dropna()) == {"basic", "plus", "pro"}
    assert set(result.profile_metrics()["slice_value"].dropna()) == {"basic", "plus", "pro"}
    out = result.readings("out_of_range_detected")
    assert out[out["feature"] == "age"].groupby("time")["value"].max().tolist() == [0, 0, 0, 1]
    page = result.to_html(tmp_path / "churn.html").read_text()
    assert "churn" in page
    assert "age" in page
    assert "4 windows judged, 2 with drift" in repr(result)
    assert "drift" in result._repr_html_()


def test_the_verdicts_are_those_of_a_folder_and_of_a_database(normal, tmp_path, url):
    """Three places, one protocol: what is found does not depend on where the rows lie."""
    from mirante.monitors.batch import BatchRows
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.model import ModelMonitor
    from mirante.sources.rows.config import FrameConfig
    from mirante.sources.rows.opening import open_source

    # in one order, since sums of floats depend on it in their last digits
    frame = pd.concat([scored(0), scored(1, shift=4.0)]).sort_values("at")
    result = mirante.monitor(frame, "churn", baseline=normal, store=url, **MODEL)
    (tmp_path / "files").mkdir()
    frame.to_parquet(tmp_path / "files" / "a.parquet")
    import sqlite3

    with sqlite3.connect(tmp_path / "rows.db") as database:
        frame.assign(at=frame["at"].astype(str)).to_sql("scores", database, index=False)
    database.close()
    named = {**MODEL, "timezone": "UTC"}
    for number, source in enumerate(
        [
            {"parquet": str(tmp_path / "files"), **named},
            {"sql": f"sqlite:///{tmp_path}/rows.db", "table": "scores", **named},
        ]
    ):
        config = ModelConfig(model="churn", source=source, window="1d", lateness="0s", label_delay="0s")
        with Store(f"sqlite:///{tmp_path}/{number}.db") as store, Store(url) as ours:
            from mirante.client.judging import _fitted

            rows = BatchRows(open_source(config.source), store, config.subject, version="1")
            ModelMonitor(config, "1", _fitted(config, FrameConfig(**MODEL), normal), store, rows).advance(
                START + 2 * DAY
            )
            theirs = store.windows.list(config.subject)
            found = ours.windows.list(result.subject)
            assert [row.verdicts for row in found] == [row.verdicts for row in theirs]


@pytest.fixture(scope="module")
def calm(normal):
    return normal.drop(columns=["score", "truth"]).assign(number=1)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("how", [{"id": "key"}, {"cursor": "number"}])
def test_a_second_call_with_an_appended_frame_reads_what_is_new(calm, url, whole, how):
    first, second = scored(0, 1), scored(1, 2, 3, seed=9)
    second["key"] = "n" + second["key"]
    first["number"], second["number"] = np.arange(240), 240 + np.arange(360)
    options = {"time": "at", "baseline": calm, "store": url, "columns": {"include": ["age", "plan"]}, **how}
    one = mirante.monitor(first, "t", **options)
    assert (one.rows, one.windows) == (240, 2)
    rows = pd.concat([first, second], ignore_index=True) if whole else second
    two = mirante.monitor(rows, "t", **options)
    assert (two.rows, two.late, two.windows) == (360, 120, 2)
    assert two.to_pandas()["rows"].tolist() == [120] * 4
    three = mirante.monitor(rows, "t", **options)
    assert (three.rows, three.windows) == (0, 0)


def test_a_window_that_is_not_over_waits_for_the_next_call(calm, url):
    noon = START + timedelta(hours=36)
    frame = scored(0, 1)
    early = frame[frame["at"] < noon.replace(tzinfo=None)]
    options = {"time": "at", "baseline": calm, "store": url, "columns": {"include": ["age", "plan"]}}
    one = mirante.monitor(early, "t", now=noon, **options)
    assert one.to_pandas()["closed"].tolist() == [True, False]
    assert "not judged yet" in one._repr_html_()
    two = mirante.monitor(frame, "t", now=START + 2 * DAY, **options)
    assert (two.rows, two.late, two.windows) == (240 - len(early), 0, 1)
    assert two.to_pandas()["rows"].tolist() == [120, 120]


def test_what_is_stored_is_on_the_pages_of_the_service(normal, tmp_path):
    (tmp_path / "mirante.yaml").write_text("store: sqlite:///kept.db\nhost: {enabled: false}\n")
    frame = pd.concat([scored(0), scored(1, shift=15.0)])
    mirante.monitor(frame, "churn", baseline=normal, store=tmp_path / "mirante.yaml", **MODEL).close()
    orders = frame.drop(columns=["score", "truth"])
    with Store(f"sqlite:///{tmp_path}/kept.db") as store:
        baseline = normal[orders.columns]
        mirante.monitor(
            orders, "orders", time="at", baseline=baseline, store=store, columns={"exclude": ["key"]}
        )
        now = START + 2 * DAY
        front = overview(store, Query({}, now=now, path="/"))
        for subject in ("model/churn@champion", "table/orders"):
            assert subject.split("/")[1].split("@")[0] in front
            html = model_page(
                store, subject, Query({"subject": subject, "range": "all"}, now=now, path="/model")
            )
            assert "2026-01-02" in html
            assert "age" in html


def test_a_table_is_judged_by_its_own_first_windows_and_goes_on(url):
    rows = scored(*range(20)).drop(columns=["score", "truth", "key"])
    rows.loc[rows["at"] >= pd.Timestamp("2026-01-20"), "age"] += 15
    few = mirante.monitor(rows[rows["at"] < pd.Timestamp("2026-01-10")], "orders", time="at", store=url)
    assert (few.rows, few.windows, few.version) == (0, 0, "")
    result = mirante.monitor(pl.from_pandas(rows), "orders", time="at", store=url)
    assert (result.windows, result.drifted) == (6, (START + 19 * DAY,))
    short = mirante.monitor(rows, "short", time="at", baseline="first 3 windows", store=url)
    assert short.windows == 17


def test_another_baseline_of_a_table_is_another_version(normal, url):
    rows = scored(0, 1)[["at", "age"]]
    for baseline, version in ((normal, "1"), (normal, "1"), (normal.assign(age=normal["age"] + 15), "2")):
        result = mirante.monitor(rows, "t", time="at", baseline=baseline[["at", "age"]], store=url)
        assert result.version == version


def test_windows_are_cut_on_the_clock_that_is_asked_for(normal):
    at = pd.to_datetime(["2026-01-05 23:30", "2026-01-06 00:30"])  # in São Paulo
    frame = pd.DataFrame({"at": at, "age": [40.0, 41.0], "plan": "pro"})
    options = {"time": "at", "baseline": normal[["at", "age", "plan"]]}
    here = mirante.monitor(
        frame, "t", timezone="America/Sao_Paulo", naive_timezone="America/Sao_Paulo", **options
    )
    assert here.to_pandas()["start"].tolist() == [
        pd.Timestamp("2026-01-05 03:00", tz="UTC"),
        pd.Timestamp("2026-01-06 03:00", tz="UTC"),
    ]
    assert mirante.monitor(frame, "t", **options).to_pandas()["rows"].tolist() == [1, 1]
    aware = frame.assign(at=at.tz_localize("America/Sao_Paulo"))
    assert mirante.monitor(aware, "t", **options).to_pandas()["rows"].tolist() == [2]


@pytest.mark.server
def test_without_a_baseline_it_is_mlflows(mlflow_server, baseline_of_a_model, monkeypatch):
    client = connect(mlflow_server)
    name, version = register(client)
    publish_baseline(client, name, version, baseline_of_a_model)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    result = mirante.monitor(scored(0), name, **MODEL)
    assert (result.version, result.windows, result.subject) == (version, 1, f"model/{name}@champion")


@pytest.fixture
def baseline_of_a_model(normal):
    from mirante.client.judging import _fitted
    from mirante.monitors.config import ModelConfig
    from mirante.sources.rows.config import FrameConfig

    source = FrameConfig(**MODEL)
    return _fitted(ModelConfig(model="m", window="1d", source=source), source, normal)


def test_a_file_is_a_baseline_too(normal, tmp_path):
    normal.to_parquet(tmp_path / "normal.parquet")
    result = mirante.monitor(scored(0), "churn", baseline=tmp_path / "normal.parquet", **MODEL)
    assert result.windows == 1
    rows = scored(0)[["at", "age"]]
    assert mirante.monitor(rows, "t", time="at", baseline=str(tmp_path / "normal.parquet")).windows == 1


def test_a_frame_without_rows_judges_nothing(normal):
    result = mirante.monitor(scored(0)[:0], "churn", baseline=normal, **MODEL)
    assert (result.rows, result.windows, len(result.to_pandas())) == (0, 0, 0)
    one = mirante.monitor(scored(0)[:1], "churn", baseline=normal, **MODEL)
    assert (one.rows, one.windows) == (1, 1)


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"time": "when"}, InputError, "source.time: the frame of churn has no column 'when'"),
        ({"window": "7h"}, ConfigError, "window"),
        ({"timezone": "Mars"}, ConfigError, "Mars"),
        ({"colour": 1}, ConfigError, "colour"),
        ({"retention": "9d"}, ConfigError, "retention is for an entry of the config"),
        (
            {"baseline": pd.DataFrame({"at": [START], "age": [1.0]})},
            InputError,
            "prediction: the baseline has no",
        ),
        ({"baseline": scored(0)[:0]}, InputError, "has no rows"),
        ({"prediction": None, "label": None, "version": "3"}, InputError, "version is of a model"),
        ({"slices": ["region"]}, InputError, "region"),
        ({"prediction": None}, ConfigError, "source.label is for models"),
    ],
)
def test_what_is_wrong_is_said(normal, more, kind, said):
    with pytest.raises(kind, match=said):
        mirante.monitor(scored(0), "churn", **{"baseline": normal, **MODEL, **more})


def test_probabilities_of_classes_are_a_column_each(normal):
    def with_classes(frame):
        other = (1 - frame["score"]) * 0.25
        kinds = np.where(frame["truth"] == 1, "yes", "no")
        return frame.assign(yes=frame["score"], maybe=other, no=3 * other, truth=kinds)

    frame = with_classes(pd.concat([scored(0), scored(1, shift=15.0)])).drop(columns="score")
    result = mirante.monitor(
        frame,
        "churn",
        time="at",
        prediction=["yes", "maybe", "no"],
        label="truth",
        id="key",
        baseline=with_classes(normal).drop(columns="score"),
    )
    windows = result.to_pandas()
    assert windows["drifted"].tolist() == [False, True]
    assert windows["performance_log_loss"].notna().all()
    assert {"prediction", "prediction_yes", "prediction_maybe"} <= set(result.drift_metrics()["feature"])
    with pytest.raises(InputError, match="maybe"):
        mirante.monitor(
            frame, "churn", time="at", prediction=["yes", "maybe"], baseline=frame.drop(columns="maybe")
        )
