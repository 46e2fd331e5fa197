from __future__ import annotations

import html
import json
import math
import re
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mirante.errors import InputError, MiranteWarning, TrackingError
from mirante.views.report import (
    DIRECTIONS,
    ExperimentReport,
    MLflowReport,
    RunRow,
    direction_of,
    write_report,
)
from tests.views.browser import drawn, opened
from tests.views.made_runs import summed_up

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.tracking.server import ServerProcess

KEYS = ("total_runs", "successful_runs", "failed_runs", "average_metrics", "best_metrics", "worst_metrics")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def client(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return MlflowClient(mlflow_server)


@pytest.fixture
def experiment(client: MlflowClient) -> str:
    return client.create_experiment(f"report {uuid.uuid4().hex}")


def add_run(client: MlflowClient, experiment: str, status: str = "FINISHED", **metrics: float) -> str:
    run = client.create_run(experiment)
    for name, value in metrics.items():
        client.log_metric(run.info.run_id, name, value)
    client.set_terminated(run.info.run_id, status)
    return run.info.run_id


def report_of(client: MlflowClient, experiment: str | int, **directions) -> ExperimentReport:
    return MLflowReport(log=False, client=client, directions=directions).generate_experiment_report(
        experiment
    )


# --- against a real server


@pytest.mark.server
def test_a_time_may_be_said_as_in_the_command(client, experiment):
    add_run(client, experiment, loss=0.2)
    reports = MLflowReport(log=False, client=client)
    found = [
        reports.generate_experiment_report(experiment, since=since)["total_runs"]
        for since in ("30d", "2013-02-08", "2999-01-01")
    ]
    assert found == [1, 1, 0]
    with pytest.raises(InputError, match="since is 'yesterday'"):
        reports.generate_experiment_report(experiment, since="yesterday")


@pytest.mark.server
def test_the_reference_keys(client, experiment):
    good = add_run(client, experiment, accuracy=0.9, loss=0.2)
    bad = add_run(client, experiment, "FAILED", accuracy=0.7, loss=0.6)
    killed = add_run(client, experiment, "KILLED")
    client.log_param(killed, "depth", "text, never averaged")
    report = report_of(client, experiment)
    assert set(KEYS) <= set(report)
    assert (report["total_runs"], report["successful_runs"], report["failed_runs"]) == (3, 1, 1)
    assert report["average_metrics"] == {"accuracy": pytest.approx(0.8), "loss": pytest.approx(0.4)}
    assert report["best_metrics"] == {"accuracy": 0.9, "loss": 0.2}
    assert report["worst_metrics"] == {"accuracy": 0.7, "loss": 0.6}
    assert report["best_runs"] == {"accuracy": good, "loss": good}
    assert report["worst_runs"] == {"accuracy": bad, "loss": bad}
    assert report["directions"] == {"accuracy": "higher", "loss": "lower"}
    assert report["runs_by_status"] == {"FAILED": 1, "FINISHED": 1, "KILLED": 1}


@pytest.mark.server
def test_a_run_whose_start_is_in_nanoseconds_has_none(client, experiment):
    run = client.create_run(experiment, start_time=1_360_301_400_123_000_000)
    add_run(client, experiment, m=1.0)
    report = report_of(client, experiment)
    assert report["total_runs"] == 2
    assert run.info.run_id in report.to_csv()


@pytest.mark.server
def test_an_experiment_is_found_by_id_and_by_name(client, experiment):
    add_run(client, experiment, m=1.0)
    name = client.get_experiment(experiment).name
    for wanted in (experiment, int(experiment), name):
        assert report_of(client, wanted).experiment_name == name


@pytest.mark.server
def test_empty_experiments_and_runs_without_metrics(client, experiment):
    report = report_of(client, experiment)
    assert [report[key] for key in KEYS] == [0, 0, 0, {}, {}, {}]
    add_run(client, experiment)
    report = report_of(client, experiment)
    assert [report[key] for key in KEYS] == [1, 1, 0, {}, {}, {}]


@pytest.mark.server
def test_values_that_are_not_finite_are_left_out_and_counted(client, experiment):
    add_run(client, experiment, loss=math.nan, accuracy=0.5, only_nan=math.nan)
    add_run(client, experiment, loss=math.inf, accuracy=-math.inf)
    best = add_run(client, experiment, loss=0.3, accuracy=0.6)
    report = report_of(client, experiment)
    assert report["best_metrics"] == {"accuracy": 0.6, "loss": 0.3}
    assert report["worst_metrics"] == {"accuracy": 0.5, "loss": 0.3}
    assert report["average_metrics"] == {"accuracy": pytest.approx(0.55), "loss": 0.3}
    assert report["not_finite"] == {"accuracy": 1, "loss": 2, "only_nan": 1}
    assert report["best_runs"]["loss"] == best
    values = {run.run_id: run.metrics for run in report.runs}
    assert sorted(str(one.get("loss")) for one in values.values()) == ["0.3", "inf", "nan"]


@pytest.mark.server
def test_deleted_runs_do_not_count(client, experiment):
    add_run(client, experiment, m=1.0)
    client.delete_run(add_run(client, experiment, m=9.0))
    report = report_of(client, experiment)
    assert (report.total_runs, report.best_metrics) == (1, {"m": 1.0})


@pytest.mark.server
def test_all_runs_are_read_beyond_the_first_page(client, experiment, mlflow_process: ServerProcess):
    insert_runs(mlflow_process.folder, experiment, 2_345)
    report = report_of(client, experiment)
    assert report.total_runs == 2_345
    assert report.best_metrics == {"loss": 0.0}
    assert report.worst_metrics == {"loss": 2_344.0}
    assert report.average_metrics == {"loss": pytest.approx(1_172.0)}
    assert len({run.run_id for run in report.runs}) == 2_345


def insert_runs(folder: Path, experiment: str, count: int) -> None:
    """Put runs into the server's database at once; over its API they would take minutes."""
    (database,) = folder.glob("*.db")
    ids = [uuid.uuid4().hex for _n in range(count)]
    link = sqlite3.connect(database, timeout=30)
    with link:
        link.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
            " lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'LOCAL', 'u', 'FINISHED', ?, ?, 'active', '', ?)",
            [
                (one, f"run {n}", 1_360_000_000_000 + n, 1_360_000_000_001 + n, int(experiment))
                for n, one in enumerate(ids)
            ],
        )
        link.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES ('loss', ?, 1, 0, 0, ?)",
            [(float(n), one) for n, one in enumerate(ids)],
        )
    link.close()


@pytest.mark.server
def test_an_experiment_that_is_not_there(client, experiment):
    for wanted in ("no such name", "999999999"):
        with pytest.raises(TrackingError, match=f"no experiment with the id or name '{wanted}'"):
            report_of(client, wanted)
    client.delete_experiment(experiment)
    with pytest.raises(TrackingError, match="no experiment"):
        report_of(client, experiment)


@pytest.mark.server
def test_the_report_is_logged_to_the_callers_run(client, experiment, mlflow_server):
    import mlflow

    add_run(client, experiment, m=1.0)
    mlflow.set_tracking_uri(mlflow_server)
    with mlflow.start_run() as run:
        MLflowReport().generate_experiment_report(experiment)
    names = [one.path for one in client.list_artifacts(run.info.run_id)]
    assert names == [f"report-{experiment}.md"]


@pytest.mark.server
@pytest.mark.filterwarnings("ignore")  # what MLflow says to itself while it logs models
def test_gaps_are_read_from_what_mlflow_recorded(client, experiment, mlflow_server):
    import mlflow
    import numpy as np
    from sklearn.dummy import DummyRegressor

    from mirante.tracking.signatures import logged_with_signature

    mlflow.set_tracking_uri(mlflow_server)
    model, rows = DummyRegressor().fit([[1.0]], [1.0]), np.array([[1.0]])
    ids = []
    for signed in (True, False):
        with mlflow.start_run(experiment_id=experiment):
            signature = mlflow.models.infer_signature(rows, rows[:, 0]) if signed else None
            made = mlflow.sklearn.log_model(
                model, name="m", signature=signature, pip_requirements=["scikit-learn"]
            )
            ids.append(made.model_id)
            if signed:
                mlflow.log_input(mlflow.data.from_numpy(rows), context="training")
    gaps = {one.kind: (one.runs, one.of) for one in report_of(client, experiment).gaps}
    assert gaps["no_dataset"] == (1, 2)
    assert gaps["no_signature"] == (1, 2)
    assert [logged_with_signature(client, one) for one in (*ids, "m-" + "0" * 32)] == [True, False, None]


@pytest.mark.server
def test_it_is_logged_to_the_server_that_it_reads_from(client, experiment, mlflow_server, tracking_off):
    MLflowReport(mlflow_server).generate_experiment_report(experiment)
    home = client.get_experiment_by_name("mirante").experiment_id
    (kept,) = client.search_runs([home], f"tags.`mirante.subject` = 'experiment/{experiment}'")
    assert [one.path for one in client.list_artifacts(kept.info.run_id)] == [f"report-{experiment}.md"]


@pytest.mark.server
def test_a_metric_that_no_run_has_is_not_important(client, experiment):
    add_run(client, experiment, loss=1.0)
    reports = MLflowReport(log=False, client=client)
    with pytest.raises(InputError, match="no run has the metric 'los'; those that most runs have are: loss"):
        reports.generate_experiment_report(experiment, important=["los"])
    assert reports.generate_experiment_report(experiment, important=["loss"]).importances == ()


def test_a_server_that_is_away_is_said(tracking_off: str):
    with pytest.raises(TrackingError, match=f"no MLflow server answers at {tracking_off}"):
        MLflowReport().generate_experiment_report("1")


# --- directions


@pytest.mark.parametrize("word", DIRECTIONS)
def test_every_word_of_the_table_is_found_in_a_name(word):
    assert direction_of(f"val_{word}") == direction_of(f"test/{word.upper()}") == DIRECTIONS[word]


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("log_loss", "lower"),
        ("training_log_loss", "lower"),
        ("binary_crossentropy", "lower"),
        ("mean_absolute_error", "lower"),
        ("MeanAbsoluteError", "lower"),
        ("val/rmse", "lower"),
        ("f1_score", "higher"),
        ("error_rate_accuracy", "higher"),
        ("glossary", "higher"),  # holds "loss" as letters, not as a word
        ("neg_log_loss", "higher"),
        ("", "higher"),
    ],
)
def test_directions_by_name(name, direction):
    assert direction_of(name) == direction


def test_a_stated_direction_overrules_the_name():
    runs = [RunRow(str(n), "r", "FINISHED", None, None, {"score": float(n)}, {}) for n in (3, 2, 1)]
    report = summed_up(runs, directions={"score": "lower"})
    assert (report.best_metrics, report.best_runs) == ({"score": 1.0}, {"score": "1"})


def test_a_wrong_direction_is_refused():
    with pytest.raises(InputError, match="write 'lower' or 'higher'"):
        MLflowReport(directions={"score": "up"}, log=False)


def test_the_oldest_of_equals_is_the_best():
    runs = [
        RunRow(name, "r", "FINISHED", datetime(2013, 2, day, tzinfo=UTC), None, {"m": 1.0}, {})
        for name, day in (("new", 8), ("old", 7))
    ]
    assert summed_up(runs).best_runs == {"m": "old"}


def test_huge_values_average_without_overflow():
    runs = [RunRow(str(n), "r", "FINISHED", None, None, {"m": 1.5e308}, {}) for n in range(3)]
    assert summed_up(runs, "e", "1").average_metrics == {"m": pytest.approx(1.5e308)}


# --- what a report turns into


def sample(name: str = "flights", runs: int = 3, metric: str = "log_loss") -> ExperimentReport:
    rows = [
        RunRow(
            run_id=f"{n:032x}",
            name=f"{name} run {n}",
            status=("FINISHED", "FAILED", "RUNNING")[n % 3],
            started=datetime(2013, 2, 8, n % 24, tzinfo=UTC),
            ended=None,
            metrics={metric: 0.1 * (n + 1), "lonely": math.nan} if n else {metric: 0.1},
            params={"depth": "3"},
        )
        for n in range(runs)
    ]
    return summed_up(rows, name, "7")


def test_a_report_is_a_mapping():
    report = sample()
    assert [run.name for run in report.runs[:2]] == ["flights run 2", "flights run 1"]
    assert (report.runs[-1].run_id, len(report.runs)) == (f"{0:032x}", 3)
    assert dict(report)["total_runs"] == 3
    assert len(report) == len(list(report))
    with pytest.raises(KeyError):
        report["to_dict"]


def test_as_json():
    data = json.loads(json.dumps(sample().to_dict()))
    assert data["best_metrics"] == {"log_loss": 0.1}
    assert data["runs"][-1]["started"] == "2013-02-08T00:00:00+00:00"
    assert data["runs"][0]["params"] == {"depth": "3"}
    assert data["runs"][0]["metrics"]["lonely"] == "NaN"
    json.loads(sample().to_json(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_as_a_frame():
    frame = sample().to_frame()
    assert frame["metrics.log_loss"].dtype == float
    assert frame["metrics.log_loss"].tolist() == pytest.approx([0.3, 0.2, 0.1])  # newest first
    assert frame["params.depth"].tolist() == ["3"] * 3
    empty = ExperimentReport("1", "e", 0).to_frame()
    assert {"run_id", "name", "status", "started", "ended"} <= set(empty.columns)


def test_as_markdown():
    text = sample().to_markdown()
    assert text.startswith("# flights\n\n3 runs: 1 successful, 1 failed.\n")
    assert "| log\\_loss | lower | 0.2 | 0.1 | 0.3 | 3 | – | flights run 0 |" in text


def test_one_file_of_each_kind_from_python(tmp_path):
    report = sample()
    for kind in ("html", "md", "json", "csv"):
        assert report.save(tmp_path / f"r.{kind}").stat().st_size > 100
    assert "Experimento flights" in report.save(tmp_path / "r.html", locale="pt_BR").read_text("utf-8")
    with pytest.raises(InputError, match="a report is"):
        report.save(tmp_path / "r.pdf")
    assert repr(report) == ("<ExperimentReport of 'flights', 3 runs: 1 successful, 1 failed, 2 metrics>")


def test_a_metric_that_is_always_the_same_says_so_and_takes_no_place(tmp_path):
    rows = [
        RunRow(
            f"{n:032x}",
            f"run {n}",
            "FINISHED",
            datetime(2013, 2, 8, n, tzinfo=UTC),
            None,
            metrics,
            {"p": str(n)},
        )
        for n in range(20)
        for metrics in [{"always": 1.2, "loss": float(n) if n < 19 else math.nan}]
    ]
    report = summed_up(rows, "flights", "7")
    always = report.metrics["always"]
    assert (always.mean, always.std, always.varies) == (1.2, 0.0, False)
    assert [one.metric for one in report.importances] == ["loss"]
    assert "| 19 (1 not finite) |" in report.to_markdown()
    page = report.save(tmp_path / "r.html").read_text("utf-8")
    assert "Best 1.2" not in page
    assert "Best 0," in page


def test_markdown_cells_stay_cells():
    text = sample(name="a|b\n# c <script>", metric="x|y").to_markdown()
    assert "<script>" not in text
    row = next(line for line in text.splitlines() if "x\\|y" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 9


def words(path: Path) -> str:
    text = re.sub(r"<(script|style|title)\b.*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_file_reads_without_javascript(tmp_path: Path):
    path = write_report(sample(), tmp_path / "r.html", now=datetime(2013, 3, 1, tzinfo=UTC))
    text = words(path)
    for part in (
        "Experiment flights",
        "3 runs: 1 successful, 1 failed, 1 running, scheduled or killed.",
        "lower is better",
        "flights run 2",
        "no finite value",
        "Best 0.1, mean 0.2, worst 0.3",
    ):
        assert part in text, part
    assert path.read_text(encoding="utf-8").count("* plotly.js v") == 1


def test_a_report_of_nothing(tmp_path: Path):
    path = write_report(ExperimentReport("1", "new", 0), tmp_path / "r.html")
    assert "The experiment has no runs yet." in words(path)
    assert path.stat().st_size < 40_000


def test_many_runs_and_metrics_are_bounded(tmp_path: Path):
    metrics = {f"m{n}": float(n) for n in range(2_000)}
    runs = [
        RunRow(f"{n:032x}", "r", "FINISHED", datetime(2013, 2, 8, tzinfo=UTC), None, metrics, {})
        for n in range(700)
    ]
    path = write_report(summed_up(runs, "big", "1"), tmp_path / "r.html")
    text = words(path)
    assert "The newest 500 of 700 runs." in text
    assert "200 of 2000 metrics." in text
    assert path.stat().st_size < 6_500_000


@pytest.mark.browser
def test_hostile_names_run_nothing(tmp_path: Path):
    with opened(write_report(sample(HOSTILE, metric=HOSTILE), tmp_path / "r.html"), width=390) as page:
        assert drawn(page) == 2
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_speaks_portuguese(tmp_path: Path):
    path = write_report(sample(), tmp_path / "r.html", locale="pt_BR")
    assert '<html lang="pt-BR">' in path.read_text(encoding="utf-8")


def test_logging_without_a_server_warns_and_reports(tracking_off: str):
    from mirante.views.report.generate import _log

    with pytest.warns(MiranteWarning):
        _log(sample())


def test_equal_values_have_no_better_one(tmp_path: Path):
    runs = [
        RunRow(
            f"r{day}",
            f"r{day}",
            "FINISHED",
            datetime(2013, 2, day, tzinfo=UTC),
            None,
            {"rows": 7.0, "auc": day / 10},
            {},
        )
        for day in (1, 2)
    ]
    path = write_report(summed_up(runs, "equal", "1"), tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    assert "auc (higher is better)" in text
    assert "rows (" not in text
