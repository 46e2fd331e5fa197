import json
import subprocess
import sys
import uuid

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante import __version__
from mirante.cli import main


def run(*arguments, **options):
    return CliRunner().invoke(main, list(arguments), **options)


def test_help_names_every_command():
    text = run("--help").output
    for command in ("up", "init", "baseline", "report", "demo"):
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
    assert done.output == f"wrote {output}: 1 runs\n"
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
    missing = run("baseline", name, *options, "--time", "when", "--tracking-uri", mlflow_server)
    assert missing.exit_code == 2
    assert "has no column 'when'; it has age, p, at" in missing.output
    assert json.dumps(done.output)
