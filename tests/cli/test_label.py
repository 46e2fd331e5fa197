"""``mirante label`` from files into a store."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.readings import Reading
from mirante.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        opened.readings.write([Reading("predictions", 1, NOW, {"model": "churn", "alias": "champion"})])
        yield opened


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("order,paid,at\n007,1,2026-01-02\n008,,2026-01-02\n009,0,2026-01-03T10:00:00+01:00\n")
    return path


def run(store_folder, *arguments):
    return CliRunner().invoke(main, ["label", *map(str, arguments), "--at", str(store_folder / "mirante.db")])


def test_a_file_is_written_and_may_be_sent_again(store, file, tmp_path):
    for _ in range(2):
        done = run(tmp_path, "churn", file, "--id", "order", "--label", "paid", "--time", "at")
        assert (done.exit_code, done.stdout) == (0, "2 labels for 'churn' are written\n")
        assert done.stderr == ""
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
