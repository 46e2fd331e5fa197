from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.store import Store
from tests.views.filled import fill


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        fill(store)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["tables", *arguments])


def test_it_writes_and_writes_only_what_is_new(folder):
    done = run("-o", "out")
    assert (done.exit_code, done.output) == (0, "wrote out: 2 files, 14 rows\n")
    assert len(pd.read_parquet("out/profile_metrics")) == 10
    assert run("-o", "out").output == "wrote out: 0 files, 0 rows; 2 files were right already\n"
    assert run("-o", "out", "--since", "2013-02-20").output == (
        "wrote out: 0 files, 0 rows; 2 files were right already\n"
    )
    assert run("-o", "out", "--since", "2014-01-01").output == (
        "wrote nothing: no window was judged in this time\n"
    )


def test_the_folder_is_the_configs(folder):
    assert run().output == "wrote tables: 2 files, 14 rows\n"
    (folder / "mirante.yaml").write_text("result_tables: {folder: kept}\n", encoding="utf-8")
    assert run().output == f"wrote {folder}/kept: 2 files, 14 rows\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--model", "churn"),
            "mirante: the store has no windows of 'churn'; it has: model/nyc-flight-delay",
        ),
        (("--since", "soon"), "mirante: --since is 'soon'; give a date"),
        (("--since", "2013-03-01", "--until", "2013-02-01"), "is not before until"),
        (("-o", "mirante.db"), "is a file"),
    ],
)
def test_what_is_wrong_is_said(folder, arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_without_a_store_none_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 2
    assert "there is no store at" in done.output
    assert list(tmp_path.iterdir()) == []
