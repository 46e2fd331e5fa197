"""The command itself; what it finds is tested in tests/app/test_compare.py, against a real registry."""

import pytest
from click.testing import CliRunner

from mirante.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["compare", *arguments])


def test_help_says_what_the_exit_code_means():
    found = run("--help")
    assert found.exit_code == 0
    assert "The exit code is 0 when the second is not worse" in found.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["m@a"], "Missing argument"),
        (["m@a", "m@b", "--since", "yesterday"], "--since"),
        (["m@a", "m@b", "--data", "nothere.csv"], "does not exist"),
        (["m@a", "m@b", "--rows", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_says_why(arguments, told):
    found = run(*arguments)
    assert found.exit_code == 2
    assert told in found.output


def test_without_mlflow_it_cannot_be_told_what_an_alias_means(free_port, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port}")
    found = run("m@a", "m@b")
    assert found.exit_code == 2
    assert f"127.0.0.1:{free_port}" in found.output
