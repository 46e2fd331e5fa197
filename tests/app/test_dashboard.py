from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from mirante.app.dashboard import chosen_subjects
from mirante.cli import main
from mirante.errors import InputError
from tests.views.filled import FIRST, filled_store
from tests.views.test_dashboard import words

KNOWN = ["host/web-1", "model/churn@champion", "model/churn@next", "model/churns@champion"]


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config, a model on New York's clock, and a store of a month."""
    filled_store(tmp_path).close()
    models = "models: [{model: nyc-flight-delay, timezone: America/New_York}]\n"
    (tmp_path / "mirante.yaml").write_text(f"locale: pt_BR\n{models}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], None),
        (["churn"], ["model/churn@champion", "model/churn@next"]),
        (["churn@next", "host/web-1"], ["model/churn@next", "host/web-1"]),
        (["model/churn@next", "churn"], ["model/churn@next", "model/churn@champion"]),
    ],
)
def test_subjects_by_name(asked: list[str], found: list[str] | None):
    assert chosen_subjects(KNOWN, asked) == found


@pytest.mark.parametrize("asked", ["chur", "churn@", "host", "", "@champion"])
def test_what_is_not_there_is_an_error_that_says_what_is(asked: str):
    with pytest.raises(InputError, match="host/web-1, model/churn@champion"):
        chosen_subjects(KNOWN, [asked])
    with pytest.raises(InputError, match="none at all"):
        chosen_subjects([], [asked])


def test_many_subjects_are_not_all_named():
    with pytest.raises(InputError, match="host/19 and 80 more"):
        chosen_subjects([f"host/{number}" for number in range(100)], ["x"])


def test_one_file_in_the_language_and_on_the_clock_of_the_config(service: Path):
    done = run("dashboard")
    assert (done.exit_code, done.output.startswith("wrote dashboard.html: 5.")) == (0, True), done.output
    text = words(service / "dashboard.html")
    for part in ("America/New_York", "2 objetos monitorados", "Janelas", "8 de fev. de 2013"):
        assert part in text, part


def test_a_model_a_time_and_a_language(service: Path):
    done = run(
        "dashboard", "-o", "out/d.html", "--model", "nyc-flight-delay", "--locale", "en",
        "--since", "2013-02-08T05:00:00Z", "--until", "2013-02-10T05:00:00Z",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    text = words(service / "out" / "d.html")
    assert "Host gru-01" not in text
    assert "Shown is the time from Feb 8, 2013 to Feb 10, 2013." in text
    assert "2 / 2" in text, "windows with drift"
    assert "Feb 11, 2013" not in text.replace("Readings from Feb 1, 2013 to Feb 28, 2013", "")


@pytest.mark.parametrize(
    ("arguments", "empty"),
    [
        (("--since", "2001-01-01", "--until", "2001-01-02"), True),
        (("--until", "2013-03-01", "--since", "2013-02-01"), False),
        (("--model", "nyc-flight-delay", "--until", "2013-01-01"), True),
        (("--model", "nyc-flight-delay", "--since", "2013-02-08"), False),
    ],
)
def test_a_time_without_anything_is_said(service: Path, arguments: tuple[str, ...], empty: bool):
    done = run("dashboard", *arguments)
    assert done.exit_code == 0, done.output
    assert ("nothing was read or judged in this time" in done.output) == empty


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "nope"), "'nope'; it has: host/gru-01, model/nyc-flight-delay@champion"),
        (("--since", "yesterday"), "--since is 'yesterday'"),
        (("--since", "2013-02-08", "--until", "2013-02-08"), "is not before until"),
        (("-o", "/proc/no/d.html"), "cannot be written"),
        (("--locale", "tlh"), "is not one of 'en', 'pt_BR'"),
    ],
)
def test_what_is_wrong_is_said(service: Path, arguments: tuple[str, ...], said: str):
    done = run("dashboard", *arguments)
    assert (done.exit_code, said in done.output) == (2, True), done.output


def test_without_a_store_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    done = run("dashboard")
    assert (done.exit_code, "there is no store at" in done.output) == (2, True), done.output
    assert list(tmp_path.iterdir()) == []


def test_no_row_and_no_secret_of_the_store_is_in_the_file(service: Path):
    """Labels, ids of predictions and the strangest rows stay where they are."""
    from mirante.store import Store, WindowRow

    strange = [{"id": "passenger-4711", "score": -3.0, "columns": [{"column": "name", "value": "Ana Souza"}]}]
    with Store(f"sqlite:///{service}/mirante.db") as store:
        start = FIRST + timedelta(days=27)
        store.windows.put(
            WindowRow(
                "model/nyc-flight-delay@champion",
                "1",
                start,
                start + timedelta(days=1),
                9,
                closed=True,
                verdicts={"top_outliers": strange},
            )
        )
        store.labels.write("nyc-flight-delay", ["passenger-4711"], [1.0], start)
    assert run("dashboard").exit_code == 0
    text = (service / "dashboard.html").read_text(encoding="utf-8")
    assert "passenger-4711" not in text
    assert "Ana Souza" not in text
