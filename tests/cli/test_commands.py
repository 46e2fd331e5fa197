import json
import os
import subprocess
import sys
import uuid

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante import __version__
from mirante.cli import main
from mirante.errors import MiranteWarning


def run(*arguments, **options):
    return CliRunner().invoke(main, list(arguments), **options)


def test_help_names_every_command():
    text = run("--help").output
    for command in ("up", "init", "baseline", "check", "report", "demo", "alerts"):
        assert f"\n  {command} " in text
    assert run("-h").output == text


def test_version_and_the_module_agree():
    said = subprocess.run(
        [sys.executable, "-m", "mirante", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"mirante, version {__version__}\n" == run("--version").output


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from mirante.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'mlflow', 'sqlalchemy', 'fastapi', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_init_writes_a_config_once(tmp_path):
    path = tmp_path / "mirante.yaml"
    first = run("init", str(path))
    assert first.exit_code == 0
    assert f"mirante up -c {path}" in first.output
    path.write_text("mine: true")
    second = run("init", str(path))
    assert second.exit_code == 2
    assert "--force replaces it" in second.output
    assert path.read_text() == "mine: true"
    assert run("init", str(path), "--force").exit_code == 0
    assert "models: []" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "-c", "nothere.yaml"), "nothere.yaml: cannot be read"),
        (("demo", "--dir", "{here}", "--exit"), "not empty and not a demonstration's"),
        (("init", "{here}"), "is there already"),
        (("init", "{here}/no/folder/mirante.yaml"), "cannot be written: No such file or directory"),
        (("init", "--force", "{here}"), "cannot be written: Is a directory"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_2(tmp_path, arguments, said):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run(*(argument.format(here=tmp_path) for argument in arguments))
    assert done.exit_code == 2
    assert done.output.startswith("mirante: ")
    assert said in done.output


def test_a_server_that_is_away_is_exit_1(tmp_path, tracking_off):
    done = run("report", "0", "-o", str(tmp_path / "report.html"))
    assert done.exit_code == 1
    assert tracking_off in done.output
    assert not (tmp_path / "report.html").exists()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, 2000), "city": rng.choice(["Rio", "São Paulo"], 2000)})
    frame.to_parquet(folder / "january.parquet")
    frame[:600].to_csv(folder / "quiet.csv", index=False)
    frame[:600].assign(age=frame["age"] + 9).to_parquet(folder / "moved.parquet")
    frame.rename(columns=str.upper).to_csv(folder / "others.csv", index=False)
    (folder / "empty.csv").touch()
    (folder / "damaged.parquet").write_bytes((folder / "moved.parquet").read_bytes()[:-9])
    return folder


def compare(tables, current, *options, **how):
    paths = ("--reference", str(tables / "january.parquet"), "--current", str(tables / current))
    return run("check", *paths, *options, **how)


def test_check_says_by_its_exit_code_whether_anything_drifted(tables):
    quiet = compare(tables, "quiet.csv")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert "january.parquet (2,000 rows) -> quiet.csv (600 rows)" in quiet.stdout
    moved = compare(tables, "moved.parquet")
    assert (moved.exit_code, moved.stderr) == (1, "")
    assert "1 of 2 columns drifted: age." in moved.stdout
    assert compare(tables, "moved.parquet", "--columns", "city").exit_code == 0
    assert compare(tables, "moved.parquet", "--columns", " city, age", "--alpha", "0.2").exit_code == 1


@pytest.mark.parametrize(
    ("current", "options", "said"),
    [
        ("nothere.csv", (), "nothere.csv is not there"),
        ("empty.csv", (), "empty.csv is empty"),
        ("damaged.parquet", (), "damaged.parquet cannot be read: "),
        ("others.csv", (), "others.csv has none of the columns of january.parquet"),
        ("quiet.csv", ("--columns", "agee"), "january.parquet has no column 'agee'"),
        ("quiet.csv", ("--columns", ","), "names no column"),
        ("quiet.csv", ("--alpha", "2"), "alpha is 2.0"),
        ("quiet.csv", ("--html", "."), "is a folder"),
    ],
)
def test_a_check_that_cannot_run_is_one_sentence_and_exit_2(tables, current, options, said):
    done = compare(tables, current, *options)
    assert done.exit_code == 2
    assert done.stderr.startswith("mirante: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    if "--html" not in options:
        assert done.stdout == ""


def test_a_check_that_fails_in_an_unknown_way_is_no_drift(tables, monkeypatch):
    from mirante.monitors.check import CheckResult

    def broken(*_arguments, **_options):
        raise failure

    monkeypatch.setattr(CheckResult, "to_text", broken)
    failure = ZeroDivisionError("odd")
    done = compare(tables, "quiet.csv")
    assert done.exit_code == 2
    assert "ZeroDivisionError: odd" in done.stderr
    failure = KeyboardInterrupt()
    assert compare(tables, "quiet.csv").exit_code == 130


def test_check_prints_json_and_nothing_else(tables, tmp_path):
    done = compare(tables, "moved.parquet", "--json", "--html", str(tmp_path / "drift.html"))
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["drifted_columns"] == ["age"]
    assert done.stderr == f"wrote {tmp_path / 'drift.html'}\n"
    assert "<table>" in (tmp_path / "drift.html").read_text(encoding="utf-8")


def test_check_fits_the_terminal_and_its_letters(tables):
    arguments = [sys.executable, "-m", "mirante", "check", "--reference", str(tables / "january.parquet")]
    arguments += ["--current", str(tables / "moved.parquet")]
    for width, encoding in ((60, "utf-8"), (120, "ascii")):
        environment = os.environ | {"COLUMNS": str(width), "PYTHONIOENCODING": encoding}
        done = subprocess.run(arguments, capture_output=True, env=environment)
        assert done.returncode == 1, done.stderr
        assert done.stderr == b""
        assert max(map(len, done.stdout.decode(encoding).splitlines())) <= width


def test_check_with_mlflow_away_warns_and_answers_all_the_same(tables, tracking_off):
    with pytest.warns(MiranteWarning, match="no server answers there"):
        done = compare(tables, "moved.parquet", "--log-mlflow")
    assert done.exit_code == 1
    assert "logged" not in done.stderr


@pytest.mark.server
def test_check_logs_to_the_monitoring_run_or_to_the_run_that_is_active(tables, mlflow_server, monkeypatch):
    from mirante.tracking.client import connect

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    client = connect(mlflow_server)
    done = compare(tables, "moved.parquet", "--log-mlflow")
    assert (done.exit_code, done.stderr) == (1, "logged to MLflow\n")
    home = client.get_experiment_by_name("mirante").experiment_id
    (watched,) = client.search_runs([home], "tags.`mirante.subject` = 'table/january'")
    mine = client.create_run(client.create_experiment(f"check-{uuid.uuid4().hex[:8]}")).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", mine)
    assert compare(tables, "quiet.csv", "--log-mlflow").exit_code == 0
    for run_id, detected in ((watched.info.run_id, 1.0), (mine, 0.0)):
        metrics = client.get_run(run_id).data.metrics
        assert metrics["drift_detected/age"] == detected
        assert {"drift_share", "drift_ks/age", "drift_chi2/city", "missing_ratio/age"} <= set(metrics)
        assert [one.path for one in client.list_artifacts(run_id)] == ["drift.html"]


@pytest.mark.server
def test_report_and_baseline_against_a_real_server(tmp_path, mlflow_server):
    from mirante.tracking.client import connect

    client = connect(mlflow_server)
    name = f"cli-{uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name)
    run_id = client.create_run(experiment).info.run_id
    client.log_metric(run_id, "loss", 0.25)
    client.set_terminated(run_id)
    output = tmp_path / "report.html"
    done = run("report", name, "-o", str(output), "--tracking-uri", mlflow_server)
    assert done.exit_code == 0, done.output
    assert done.output == f"wrote {output}: 1 run\n"
    assert "loss" in output.read_text(encoding="utf-8")

    model = client.create_logged_model(experiment, name="model")
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    source = f"models:/{model.model_id}"
    version = client.create_model_version(name, source=source, model_id=model.model_id).version
    client.set_registered_model_alias(name, "champion", version)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, 400), "p": rng.random(400)})
    frame["at"] = pd.date_range("2026-01-01", periods=400, freq="h", tz="UTC")
    frame.to_parquet(tmp_path / "normal.parquet")
    options = ["--data", str(tmp_path / "normal.parquet"), "--prediction", "p", "--window", "1d"]
    done = run("baseline", name, *options, "--time", "at", "--tracking-uri", mlflow_server)
    assert done.exit_code == 0, done.output
    assert f"wrote the baseline of {name}, version {version} (champion): 400 rows, 1 features" in done.output
    assert "features, 400 rows kept as a sample" in done.output
    none = run("baseline", name, *options, "--sample-rows", "0", "--tracking-uri", mlflow_server)
    assert "features, 0 rows kept as a sample" in none.output
    missing = run("baseline", name, *options, "--time", "when", "--tracking-uri", mlflow_server)
    assert missing.exit_code == 2
    assert "has no column 'when'; it has 'age', 'p', 'at'" in missing.output
    assert json.dumps(done.output)
