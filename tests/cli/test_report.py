"""`mirante report` against a real MLflow server."""

from __future__ import annotations

import csv
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.tracking.client import connect

pytestmark = pytest.mark.server
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def names(mlflow_server: str) -> tuple[str, str]:
    """Two experiments, the first with a run of today, one of a month ago, a nested one and a deleted one."""
    client = connect(mlflow_server)
    made = [f"{word} {uuid.uuid4().hex[:8]}" for word in ("first", "second")]
    first, second = (client.create_experiment(name) for name in made)
    parent = add(client, first, NOW - timedelta(hours=2), loss=0.5, foo=1.0)
    add(client, first, NOW - timedelta(days=30), loss=0.25, foo=2.0)
    add(client, first, NOW - timedelta(hours=1), tags={"mlflow.parentRunId": parent}, loss=0.75)
    client.delete_run(add(client, first, NOW, loss=0.0))
    add(client, second, NOW, loss=0.125)
    return made[0], made[1]


def add(client: Any, experiment: str, started: datetime, tags: Any = None, **metrics: float) -> str:
    run = client.create_run(experiment, start_time=round(started.timestamp() * 1000), tags=tags)
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key, value)
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def run(server: str, *arguments: str, **environ: str) -> Any:
    return CliRunner().invoke(main, ["report", *arguments, "--tracking-uri", server], env=environ)


def test_each_kind_of_file(tmp_path: Path, names, mlflow_server):
    for kind, words in ((".html", "<!doctype html>"), (".md", "# first"), (".csv", '"run_id"')):
        done = run(mlflow_server, names[0], "-o", str(tmp_path / f"r{kind}"))
        assert done.exit_code == 0, done.output
        assert done.stdout == f"wrote {tmp_path / f'r{kind}'}: 3 runs\n"
        assert (tmp_path / f"r{kind}").read_text(encoding="utf-8").startswith(words)
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["metrics.loss"] for row in rows] == ["0.75", "0.5", "0.25"]
    run(mlflow_server, names[0], "-o", str(tmp_path / "r.json"))
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (data["total_runs"], data["nested_runs"], data["parent_runs"]) == (3, 1, 1)
    assert data["metrics"]["loss"]["best_link"].startswith(mlflow_server)


def test_a_part_of_the_runs_and_stated_directions(tmp_path: Path, names, mlflow_server):
    file = tmp_path / "r.json"
    done = run(mlflow_server, names[0], "-o", str(file), "--since", "7d", "--direction", "foo=lower")
    assert done.exit_code == 0, done.output
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["best_metrics"] == {"foo": 1.0, "loss": 0.5}
    assert data["metrics"]["foo"]["direction_from"] == "stated"
    until = (NOW - timedelta(days=1)).isoformat()
    run(mlflow_server, names[0], "-o", str(file), "--since", "2013-01-01", "--until", until)
    assert json.loads(file.read_text(encoding="utf-8"))["total_runs"] == 1
    run(mlflow_server, names[0], "-o", str(file), "--filter", "metrics.loss > 0.6")
    assert json.loads(file.read_text(encoding="utf-8"))["best_metrics"] == {"loss": 0.75}
    html = tmp_path / "r.html"
    run(
        mlflow_server,
        names[0],
        "-o",
        str(html),
        "--filter",
        "metrics.loss > 9",
        "--since",
        "9d",
        "--until",
        "2999-01-01",
    )
    text = html.read_text(encoding="utf-8")
    assert "The experiment has no such runs." in text
    assert "metrics.loss &gt; 9" in text


def test_the_config_names_the_server_and_says_which_way_is_better(tmp_path: Path, names, mlflow_server):
    config = tmp_path / "mirante.yaml"
    config.write_text(
        f"mlflow: {{tracking_uri: '{mlflow_server}', ui_url: 'https://ml.example.com'}}\n"
        "experiments: {directions: {loss: higher, foo: lower}}\n"
    )
    file = tmp_path / "r.json"
    given = ("report", names[0], "-o", str(file), "-c", str(config), "--direction", "foo=higher")
    done = CliRunner().invoke(main, [*given, "--direction", "typo=lower"])
    assert done.exit_code == 0, done.output
    assert "--direction typo: no run has this metric" in done.stderr
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["best_metrics"] == {"foo": 2.0, "loss": 0.75}
    assert data["link"].startswith("https://ml.example.com/#/experiments/")
    assert CliRunner().invoke(main, [*given, "--tracking-uri", mlflow_server]).exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8"))["link"] == data["link"]


def test_without_a_server_no_database_is_made(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mirante.tracking.client.tracking_uri", lambda: "sqlite:///mlflow.db")
    done = CliRunner().invoke(main, ["report", "churn"], env={"MLFLOW_TRACKING_URI": None})
    assert done.exit_code == 2
    assert "mlflow.tracking_uri" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_experiment_that_is_not_there_is_told_with_its_server(tmp_path: Path, mlflow_server):
    done = run(mlflow_server, "nobody", "-o", str(tmp_path / "r.html"))
    assert done.exit_code == 2
    assert f"MLflow at {mlflow_server} has no experiment with the id or name 'nobody'" in done.stderr


def test_several_experiments_are_compared(tmp_path: Path, names, mlflow_server):
    file = tmp_path / "r.json"
    done = run(mlflow_server, *names, "-o", str(file))
    assert done.stdout == f"wrote {file}: 4 runs\n"
    data = json.loads(file.read_text(encoding="utf-8"))
    assert [one["best"] for one in data["metrics"]] == [1]
    for kind, words in (("html", "started before"), ("md", "Only runs: before 2999-01-01")):
        run(mlflow_server, *names, "-o", str(tmp_path / f"r.{kind}"), "--until", "2999-01-01")
        assert words in (tmp_path / f"r.{kind}").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "r.pdf"), "a report is .html"),
        (("--since", "yesterday"), "--since is 'yesterday'"),
        (("--direction", "loss"), "write METRIC=lower"),
        (("--timezone", "Nowhere/At_all"), "--timezone is 'Nowhere/At_all'"),
        (("--stale-after", "soon"), "soon"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "until must be later"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, mlflow_server, options, said):
    done = run(mlflow_server, "0", "-o", str(tmp_path / "r.html"), *options)
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_file_is_logged(tmp_path: Path, names, mlflow_server):
    client = connect(mlflow_server)
    home = client.get_experiment_by_name(names[1]).experiment_id
    mine = client.create_run(home)
    file = tmp_path / "weekly.html"
    done = run(mlflow_server, names[1], "-o", str(file), "--log", MLFLOW_RUN_ID=mine.info.run_id)
    assert done.exit_code == 0, done.output
    assert [one.path for one in client.list_artifacts(mine.info.run_id)] == ["weekly.html"]
    client.delete_run(mine.info.run_id)
    assert run(mlflow_server, names[1], "-o", str(file), "--log").exit_code == 0
    experiment = client.get_experiment_by_name("mirante").experiment_id
    (kept,) = client.search_runs([experiment], f"tags.`mirante.subject` = 'experiment/{home}'")
    assert [one.path for one in client.list_artifacts(kept.info.run_id)] == ["weekly.html"]
