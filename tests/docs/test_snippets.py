"""What the pages tell people to type works: Python is run, commands and configs are held against the code."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from mirante.alerts.rules.loading import load_rules
from mirante.app.settings import Settings
from mirante.cli import main
from mirante.demo.files import write_config
from mirante.yaml_file import checked, parse_yaml
from tests.docs.snippets import PAGES, ROOT, blocks, commands, name_of

DOCS = ROOT / "docs"
FRAMES = """
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
reference = pd.DataFrame({"age": rng.normal(40, 10, 2_000)})
current = pd.DataFrame({"age": rng.normal(50, 10, 500)})
"""
MODEL = """
import numpy as np, pandas as pd
class model:
    @staticmethod
    def predict_proba(rows):
        return np.full((len(rows), 2), 0.5)
"""
STORE = """
from datetime import UTC, datetime
from mirante import Reading, Store
from mirante.store import WindowRow
day, of = datetime(2026, 1, 2, tzinfo=UTC), {"model": "churn", "alias": "champion", "version": "1"}
verdicts = {"drifted": True, "columns": {"age": {"drifted": True}}}
with Store("sqlite:///mirante.db") as store:
    store.readings.write([Reading("drift_effect", 0.2, day, {**of, "feature": "age"})])
    store.windows.put(WindowRow("model/churn@champion", "1", day, day, 9, closed=True, verdicts=verdicts))
"""
LOGGED = """
import mlflow, pandas as pd, warnings
warnings.simplefilter("ignore")  # what MLflow says to itself
mlflow.set_tracking_uri("sqlite:///mlflow.db")
rows = pd.DataFrame({"age": [31.0, 45.0], "p": [0.2, 0.4], "churned": [0, 1]})
"""
KEPT = """
import numpy as np, pandas as pd
from pathlib import Path
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.windows import WindowClock
for seed, name in enumerate(("churn-3", "churn-4")):
    rng = np.random.default_rng(seed)
    ages = pd.DataFrame({"age": rng.normal(40 + 9 * seed, 9, 500)})
    made = ModelBaseline.fit(ages, rng.random(500), clock=WindowClock("1d"))
    Path(name).mkdir()
    for file, content in made.to_files().items():
        (Path(name) / file).write_bytes(content)
"""
REGISTERED = """
import mlflow, warnings
from sklearn.dummy import DummyRegressor
warnings.simplefilter("ignore")  # what MLflow says to itself
mlflow.set_tracking_uri("sqlite:///registered.db")
model, needs = DummyRegressor().fit([[1.0]], [1.0]), ["scikit-learn"]
mlflow.sklearn.log_model(model, name="churn", registered_model_name="churn", pip_requirements=needs)
mlflow.MlflowClient().set_registered_model_alias("churn", "champion", "1")
"""
TRACKED = """
import mlflow, warnings
warnings.simplefilter("ignore")  # what MLflow says to itself
client = mlflow.MlflowClient("sqlite:///runs.db")  # a name of its own: MLflow keeps engines by it
run = client.create_run(client.create_experiment("churn"))
client.create_experiment("churn-v2")
client.log_metric(run.info.run_id, "val_loss", 0.25)
client.set_terminated(run.info.run_id)
"""
HOOKED = """
import mlflow, os, warnings
from pathlib import Path
warnings.simplefilter("ignore")  # what MLflow says to itself
mlflow.set_tracking_uri("sqlite:///hooked.db")
os.environ["MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"] = "true"  # so that nobody asks where the address is
Path("webhook.secret").write_text("correct horse battery staple")
"""
# What stands for the reader's own things: run before the block of that number.
BEFORE = {
    ("docs/baselines.md", 0): LOGGED,
    ("docs/baselines.md", 1): KEPT,
    ("docs/check.md", 0): FRAMES,
    ("docs/labels.md", 0): STORE,
    ("docs/notebook.md", 4): STORE,
    ("docs/production.md", 0): MODEL,
    ("docs/production.md", 1): "predict(pd.DataFrame({'age': [31.0, 45.0]})); recorder.close()",
    ("docs/registry.md", 0): HOOKED,
    ("docs/report.md", 0): TRACKED,
    ("docs/serving.md", 0): STORE,
    ("docs/serving.md", 1): REGISTERED,
    ("docs/security.md", 0): (
        "import mirante; recorder = mirante.Recorder('churn', 'log')\n"
        "row = {'age_band': '30-39', 'plan': 'basic', 'region': 'north', 'name': 'not recorded'}"
    ),
}
AFTER = {
    "docs/baselines.md": "mlflow.end_run(); mlflow.set_tracking_uri(None)",
    "docs/registry.md": "del os.environ['MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS']; mlflow.set_tracking_uri(None)",
    "docs/security.md": "recorder.close()",
    "docs/serving.md": "predict.close(); mlflow.end_run(); mlflow.set_tracking_uri(None)",
}


@pytest.mark.filterwarnings("ignore::mirante.errors.MiranteWarning")  # no server: said once, as the pages say
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page, "python") and page.stem not in ("spark", "tables")],
    ids=name_of,
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    there: dict[str, object] = {}
    for number, code in enumerate(blocks(page, "python")):
        exec(BEFORE.get((name_of(page), number), ""), there)
        exec(compile(code, f"{name_of(page)}, block {number}", "exec"), there)
    exec(AFTER.get(name_of(page), ""), there)


def leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words call, and the words after its name."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        default = getattr(command, "_default", None)
        if words[0] not in command.commands and default:
            return command.commands[default], words
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page, "mirante")], ids=name_of)
def test_commands_and_their_options_exist(page: Path):
    for words in commands(page, "mirante"):
        command, rest = leaf(words)
        known = {option for param in command.params for option in param.opts} | {"--help"}
        options = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert options <= known, f"mirante {' '.join(words)}: {options - known}"


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for words in commands(page, "make"):
            assert re.search(rf"^{words[0]}:", makefile, re.M), f"{name_of(page)}: make {words[0]}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=name_of)
def test_configs_and_rules_are_read(page: Path):
    for code in blocks(page, "yaml"):
        if code.startswith("@"):
            continue
        top = yaml.safe_load(code)
        if set(top) == {"rules"}:
            load_rules(code)
        elif set(top) <= set(Settings.model_fields):
            if "routes" in top.get("alerts", {}):  # about channels that another block has
                top["alerts"]["channels"] = {name: {"type": "console"} for name in ("chat", "mail")}
            checked(Settings, parse_yaml(yaml.safe_dump(top), source=name_of(page)))


def test_the_routes_of_the_page_about_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SMTP_PASSWORD", "x")
    (tmp_path / "slack-address").write_text("https://hooks.slack.com/services/T/B/x")
    page = DOCS / "notices.md"
    chat, mail, routes = (yaml.safe_load(code)["alerts"] for code in blocks(page, "yaml"))
    config = {"alerts": {"channels": {**chat["channels"], **mail["channels"]}, **routes}}
    (tmp_path / "mirante.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["routes", "test", "severity=critical"])
    assert f"$ mirante routes test -c mirante.yaml severity=critical\n{said.output}```" in page.read_text()


def test_the_rule_of_the_tutorial_is_the_demonstrations(tmp_path: Path):
    write_config(tmp_path, "http://127.0.0.1:9")
    rules = {rule.name: rule for rule in load_rules(tmp_path / "rules.yaml")}
    (shown,) = (load_rules(code) for code in blocks(DOCS / "tutorial.md", "yaml"))
    assert [rules[rule.name] for rule in shown] == shown


@pytest.mark.parametrize(("shift", "says"), [(0.0, "quiet"), (2.0, "drift: look at drift.json")])
def test_the_script_that_goes_on_after_drift(tmp_path: Path, shift: float, says: str):
    program = tmp_path / "mirante"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mirante "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    rng = np.random.default_rng(3)
    for name, by in (("reference", 0.0), ("today", shift)):
        pd.DataFrame({"x": rng.normal(by, 1, 2_000)}).to_parquet(tmp_path / f"{name}.parquet")
    (script,) = blocks(DOCS / "check.md", "sh")
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == says
