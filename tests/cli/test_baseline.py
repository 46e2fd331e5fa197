"""The commands of ``mirante baseline`` against a real server: what they print, and their exit codes."""

import json
import uuid

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.app.baseline.keeping import ListedBaseline
from mirante.cli import main
from mirante.cli.baseline.telling import difference, difference_dict, listing
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.differences import BaselineDifference, ColumnDifference
from mirante.monitors.windows import WindowClock
from mirante.tracking.client import connect
from tests.app.trained import rows, trained
from tests.monitors.registry import register

HOSTILE = 'it\'s "<b>"\x1b[2J\n@é'
ESCAPES = ("\x1b", "\r", "\x00", "\x07")


def run(server, *arguments, **how):
    return CliRunner().invoke(
        main, ["baseline", *map(str, arguments)], env={"MLFLOW_TRACKING_URI": server, "COLUMNS": "130"}, **how
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("normal rows")
    rows(600).to_parquet(folder / "a.parquet")
    rows(600, seed=1).to_parquet(folder / "same.parquet")
    rows(600, seed=2, shift=9.0).to_parquet(folder / "moved.parquet")
    return folder


@pytest.fixture(scope="module")
def model(mlflow_server, files):
    """Three versions: the second as the first, the third moved."""
    client = connect(mlflow_server)
    name = f"cli-{uuid.uuid4().hex[:8]}"
    for version, (alias, data) in enumerate((("champion", "a"), ("same", "same"), ("moved", "moved")), 1):
        register(client, name, alias=alias)
        done = run(
            mlflow_server,
            *("create", f"models:/{name}/{version}", "--data", files / f"{data}.parquet"),
            *("--prediction", "said", "--label", "late"),
        )
        assert done.exit_code == 0, done.output
    return name


@pytest.mark.server
def test_create_may_go_without_its_name_and_accept_is_still_there(mlflow_server, files):
    name, _ = register(connect(mlflow_server))
    done = run(mlflow_server, name, "--data", files / "a.parquet", "--prediction", "said")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"wrote the baseline of {name}, version 1 (champion): 600 rows, 5 features")
    assert "accept" in run(mlflow_server, "--help").output


@pytest.mark.server
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "nobody-here"), 2, "there is no registered model 'nobody-here'"),
        (("create", "{model}@chanpion"), 2, "it has 'champion' (version 1)"),
        (("create", "{model}/99"), 2, "has no version '99'"),
        (("create", "{model}@moved", "--alias", "same"), 2, "give one of the two"),
        (("create", "{model}"), 2, "no data set was logged"),
        (("create", "{model}", "--data", "nothere.csv"), 2, "nothere.csv is not there"),
        (("show", "nobody-here"), 2, "there is no registered model"),
        (("show", "a/b/c"), 2, "the model is 'a/b/c'; give NAME"),
        (("list", "nobody-here"), 2, "there is no registered model"),
        (("diff", "nobody-here", "{model}"), 2, "there is no registered model"),
        (("diff", "{model}", "{model}@moved", "--alpha", "7"), 2, "alpha is 7.0"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_2(mlflow_server, model, arguments, code, said):
    done = run(mlflow_server, *(argument.format(model=model) for argument in arguments))
    assert done.exit_code == code, done.output
    assert done.stderr.startswith("mirante: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("command", [("create", "churn", "--predict"), ("show", "churn"), ("list",)])
def test_a_server_that_is_away_is_exit_1(tracking_off, command):
    done = run(tracking_off, *command)
    assert done.exit_code == 1
    assert tracking_off in done.stderr


def test_a_diff_with_the_server_away_could_not_run(tracking_off):
    assert run(tracking_off, "diff", "churn", "churn@other").exit_code == 2


@pytest.mark.server
def test_show(mlflow_server, model, tmp_path):
    done = run(mlflow_server, "show", f"{model}@moved", "--save", tmp_path / "saved")
    assert (done.exit_code, done.stderr) == (0, f"wrote {tmp_path / 'saved'}\n")
    for words in (f"Baseline of models:/{model}/3 (moved)", "file moved.parquet", "1 per 30d", "probability"):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines()[12:])) <= 130
    told = json.loads(run(mlflow_server, "show", f"models:/{model}/3", "--json").stdout)
    assert told["model"] == f"models:/{model}/3"
    assert [one["column"] for one in told["columns"]][:2] == ["age", "plan"]
    from_folder = run(mlflow_server, "show", tmp_path / "saved")
    assert from_folder.stdout.splitlines()[0] == f"Baseline of {tmp_path / 'saved'}"


@pytest.mark.server
def test_list(mlflow_server, model):
    register(connect(mlflow_server), model, alias="bare")
    done = run(mlflow_server, "list", model)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.split()[1:3] for line in lines[1:5]] == [
        ["4", "bare"],
        ["3", "moved"],
        ["2", "same"],
        ["1", "champion"],
    ]
    assert lines[5].startswith(f"without a baseline: {model}@bare. Write one: mirante baseline create")
    told = json.loads(run(mlflow_server, "list", model, "--json").stdout)
    assert [(one["version"], one["rows"], bool(one["place"])) for one in told] == [
        ("4", None, False),
        ("3", 600, True),
        ("2", 600, True),
        ("1", 600, True),
    ]
    assert model in run(mlflow_server, "list").stdout


@pytest.mark.server
def test_diff_says_by_its_exit_code_whether_they_differ(mlflow_server, model, tmp_path):
    same = run(mlflow_server, "diff", model, f"{model}@same")
    assert (same.exit_code, same.stderr) == (0, "")
    assert "The same: none of 5 columns moved" in same.stdout
    moved = run(mlflow_server, "diff", f"models:/{model}/1", f"{model}@moved")
    assert (moved.exit_code, moved.stderr) == (1, "")
    assert moved.stdout.splitlines()[3].split()[:2] in (["age", "moved"], ["prediction", "moved"])
    assert "2 of 5 columns moved: " in moved.stdout
    assert "accuracy: " in moved.stdout
    told = json.loads(run(mlflow_server, "diff", model, f"{model}@moved", "--json").stdout)
    assert sorted(told["moved"]) == ["age", "prediction"]
    assert told["differs"] is True
    run(mlflow_server, "show", model, "--save", tmp_path / "first")
    assert run(mlflow_server, "diff", tmp_path / "first", model).exit_code == 0
    assert run(mlflow_server, "diff", tmp_path / "first", f"{model}@moved").exit_code == 1
    wrong = tmp_path / "mirante.yaml"
    wrong.write_text("no: config\n", encoding="utf-8")
    for command in (("diff", tmp_path / "first", tmp_path / "first"), ("show", tmp_path / "first")):
        done = run(mlflow_server, *command, "-c", wrong)  # which is not read: nothing in it matters here
        assert done.exit_code == 0, done.output


@pytest.mark.server
def test_hostile_names_reach_no_terminal(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    name = f"{HOSTILE}-{uuid.uuid4().hex[:8]}"
    model = client.create_logged_model("0", name="m")
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    client.create_model_version(name, source=f"models:/{model.model_id}", model_id=model.model_id)
    frame = rows(80).rename(columns={"age": "a\x1b[2Jge\n"}).assign(plan="\x1b[31mred\r\n")
    frame.to_parquet(tmp_path / "rows.parquet")
    done = run(
        mlflow_server, "create", f"{name}/1", "--data", tmp_path / "rows.parquet", "--prediction", "said"
    )
    assert done.exit_code == 0, done.output
    outputs = [done.output]
    for command in (("show", f"{name}/1"), ("list",), ("list", name), ("diff", f"{name}/1", f"{name}/1")):
        found = run(mlflow_server, *command)
        assert found.exit_code == 0, found.output
        outputs.append(found.output)
    wrong = run(mlflow_server, "show", f"{name}/7")
    assert wrong.exit_code == 2
    for output in (*outputs, wrong.output):
        assert not [letter for letter in ESCAPES if letter in output]
        assert "é" in output


@pytest.mark.server
def test_a_model_that_predicts_says_how_far_it_is(mlflow_server, tmp_path):
    frame = rows(120)
    frame[["age", "plan"]].to_parquet(tmp_path / "inputs.parquet")
    name, _, _ = trained(mlflow_server, folder=tmp_path)
    done = run(mlflow_server, "create", name, "--data", tmp_path / "inputs.parquet", "--predict")
    assert done.exit_code == 0, done.output
    assert "the model has answered 120 of 120 rows\n" in done.stderr
    assert "120 rows, 2 features" in done.stdout


@pytest.mark.server
def test_what_a_config_drops_is_dropped_whatever_the_alias(mlflow_server, files, tmp_path):
    name, _ = register(connect(mlflow_server), alias="challenger")
    config = tmp_path / "mirante.yaml"
    config.write_text(f"models: [{{model: {name}, privacy: {{drop: [customer]}}}}]\n")
    options = ("--data", files / "a.parquet", "--prediction", "said", "-c", config)
    for model in (f"{name}@challenger", f"models:/{name}/1"):
        assert run(mlflow_server, "create", model, *options).exit_code == 0
        told = json.loads(run(mlflow_server, "show", f"{name}/1", "--json").stdout)
        assert "customer" not in {one["column"] for one in told["columns"]}


def column(name, **changes):
    given = {
        "kind": "numeric",
        "distance": 0.2,
        "low": 0.199,
        "high": 0.201,
        "p_value": 1e-9,
        "missing": (0.0, 0.123),
        "missing_p": 0.5,
        "change": "median 2 -> 31",
        "moved": True,
        "missing_moved": False,
    }
    return ColumnDifference(name, **{**given, **changes})


def test_a_difference_in_words():
    nan = float("nan")
    none = column(
        "z", distance=nan, low=nan, high=nan, p_value=nan, missing=(nan, nan), moved=False, change=""
    )
    found = BaselineDifference(
        (column("a\x1b"), none),
        ("left",),
        ("right",),
        {"kind": ("numeric", "categorical")},
        ("class", "regression"),
        {"alarm_budget": ("1 per 30d", "")},
        {"mae": (nan, 2.0), "accuracy": (0.5, 0.5)},
        (10, 12_000),
        0.03,
        0.01,
    )
    text = difference(found, ("one\x1b", "two"), 100)
    assert text.splitlines()[0] == "one? (10 rows) -> two (12,000 rows)"
    for line in (
        "only in the first: left",
        "only in the second: right",
        "kind: numeric -> categorical",
        "task: class -> regression",
        "alarm budget: 1 per 30d -> –",
        "mae: – -> 2",
    ):
        assert line in text.splitlines()
    assert "0.199–0.201" in text
    assert "0 % -> 12 %" in text
    assert "accuracy" not in text
    assert "1 of 2 columns moved: a?." in text
    told = difference_dict(found, ("one", "two"))
    json.dumps(told, allow_nan=False)
    assert told["columns"][1]["distance"] is None


def test_a_list_of_nothing_says_what_to_do():
    assert "mirante baseline create MODEL --data FILE" in listing([], 80)
    bare = [ListedBaseline(f"m{number}", "1", ("live",)) for number in range(7)]
    assert "without a baseline: m0@live, m1@live, m2@live, m3@live, m4@live and 2 more." in listing(bare, 80)
    assert max(map(len, listing(bare, 60).splitlines()[:-1])) <= 60


def test_show_names_the_slices(tmp_path):
    rows = pd.DataFrame({"region": ["EU"] * 120 + ["US"] * 130, "age": np.arange(250.0)})
    said = np.linspace(0.1, 0.9, 250)
    baseline = ModelBaseline.fit(rows, said, clock=WindowClock("1d"), slices=["region", "age >= 100"])
    for name, content in baseline.to_files().items():
        (tmp_path / name).write_bytes(content)
    done = CliRunner().invoke(main, ["baseline", "show", str(tmp_path)])
    assert (
        "  slices        region=US (130 rows), region=EU (120 rows), age >= 100 (150 rows)\n" in done.stdout
    )
    told = json.loads(CliRunner().invoke(main, ["baseline", "show", str(tmp_path), "--json"]).stdout)
    assert told["slices"][0] == {"slice": "region=US", "rows": 130}
    (tmp_path / "slices.bin").unlink()
    bare = ModelBaseline.fit(rows, said, clock=WindowClock("1d"))
    for name, content in bare.to_files().items():
        (tmp_path / name).write_bytes(content)
    done = CliRunner().invoke(main, ["baseline", "show", str(tmp_path)])
    assert "slices        none; mirante baseline create --slice adds them" in done.stdout
