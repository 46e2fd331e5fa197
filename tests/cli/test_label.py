"""``mirante label`` from files into a store."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.readings import Reading
from mirante.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAID = [
    "labels written for 'churn': 2",
    "rows left out, since they have no label in 'paid' yet: 1",
    "rows left out, since a later row has the same id in 'order': 1",
]


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        opened.readings.write([Reading("predictions", 1, NOW, {"model": "churn", "alias": "champion"})])
        yield opened


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "labels.csv"
    rows = ("007,0,2026-01-01", "007,1,2026-01-02", "008,,2026-01-02", "009,0,2026-01-03T10:00:00+01:00")
    path.write_text("\n".join(("order,paid,at", *rows)))
    return path


def run(store_folder, *arguments):
    return CliRunner().invoke(main, ["label", *map(str, arguments), "--at", str(store_folder / "mirante.db")])


def test_a_file_is_written_and_may_be_sent_again(store, file, tmp_path):
    for _ in range(2):
        done = run(tmp_path, "churn", file, "--id", "order", "--label", "paid", "--time", "at")
        assert (done.exit_code, done.stdout.splitlines(), done.stderr) == (0, SAID, "")
    assert store.labels.get("churn", ["007", "008", "009"]).values[[0, 2]].tolist() == [1.0, 0.0]


def test_an_unknown_model_is_refused_unless_it_is_said_to_be_new(store, file, tmp_path):
    done = run(tmp_path, "chrun", file, "--id", "order", "--label", "paid")
    assert done.exit_code == 2
    assert "knows no model 'chrun', nearest to it are 'churn'; nothing is written" in done.stderr
    assert store.labels.count("chrun") == 0
    done = run(tmp_path, "chrun", file, "--id", "order", "--label", "paid", "--new-model")
    assert done.exit_code == 0
    assert "knows no model 'chrun', nearest to it are 'churn'" in done.stderr
    assert store.labels.count("chrun") == 2


def test_a_column_that_is_not_there_is_told(store, file, tmp_path):
    done = run(tmp_path, "churn", file, "--id", "order", "--label", "outcome")
    assert done.exit_code == 2
    assert "no column 'outcome', or more than one; it has: 'order', 'paid', 'at'" in done.stderr
    assert run(tmp_path, "churn", tmp_path / "none.csv", "--id", "a", "--label", "b").exit_code == 2


def test_one_column_cannot_be_two_things(store, file, tmp_path):
    done = run(tmp_path, "churn", file, "--id", "order", "--label", "order")
    assert (done.exit_code, "the column 'order' is named twice" in done.stderr) == (2, True)


def test_the_config_says_where_the_store_is(store, file, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text(f"store: 'sqlite:///{tmp_path / 'mirante.db'}'\n")
    done = CliRunner().invoke(
        main, ["label", "churn", str(file), "--id", "order", "--label", "paid", "-c", str(config)]
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert store.labels.count("churn") == 2


def test_a_model_of_the_config_needs_no_reading_yet(store, file, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text(f"store: 'sqlite:///{tmp_path / 'mirante.db'}'\nmodels: [{{model: fresh}}]\n")
    arguments = ["label", "fresh", str(file), "--id", "order", "--label", "paid", "-c", str(config)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert store.labels.count("fresh") == 2


def test_a_mistyped_name_is_refused_before_the_first_reading_too(tmp_path, file):
    Store(f"sqlite:///{tmp_path / 'mirante.db'}").close()
    config = tmp_path / "mirante.yaml"
    config.write_text("models: [{model: fresh}]\n")
    arguments = ["--id", "order", "--label", "paid", "-c", str(config)]
    done = CliRunner().invoke(main, ["label", "frehs", str(file), *arguments])
    assert (done.exit_code, "no model 'frehs', nearest to it are 'fresh'" in done.stderr) == (2, True)
    done = CliRunner().invoke(main, ["label", "fresh", str(file), *arguments])
    assert (done.exit_code, done.stderr) == (0, "")  # and nobody doubts the name
