"""A command that fails ends with a sentence and an exit code: 2 for what was given, 1 for the world."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.cli.group import Commands, WithDefault, config_option, server_of, settings_of, until_told
from mirante.errors import ConfigError, MiranteError, NotRegisteredError, StoreError


@click.group(cls=Commands)
def group() -> None:
    """Commands that fail."""


@group.command()
@click.argument("kind")
def fail(kind: str) -> None:
    """Fail in one of several ways."""
    raised: dict[str, MiranteError] = {
        "given": ConfigError("no such key"),
        "named": NotRegisteredError("no such model"),
        "world": StoreError("disk full"),
    }
    raise raised[kind]


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [("given", 2, "no such key"), ("named", 2, "no such model"), ("world", 1, "disk full")],
)
def test_our_errors_are_one_sentence(kind, code, said):
    result = CliRunner().invoke(group, ["fail", kind])
    assert (result.exit_code, result.stderr) == (code, f"mirante: {said}\n")


@group.command()
def interrupted() -> None:
    """Get a Ctrl-C."""
    raise KeyboardInterrupt


def test_ctrl_c_ends_a_command_as_a_shell_says_it_and_in_silence():
    result = CliRunner().invoke(group, ["interrupted"])
    assert (result.exit_code, result.output, result.stderr) == (130, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_runs_until_it_is_told_ends_in_silence_and_leaves_signals_as_they_were(number):
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with until_told():
        signal.raise_signal(number)
        pytest.fail("it went on")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before


def test_python_s_own_exit_code_is_not_that_of_a_signal():
    # where KeyboardInterrupt itself passes a text that is executed, Python ends by SIGINT, whoever caught it
    script = """
import signal
from mirante.cli.group import until_told
with until_told():
    exec("signal.raise_signal(signal.SIGINT)")
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@click.group(cls=WithDefault, default="write")
def defaulting() -> None:
    """Commands of which one goes without its name."""


@defaulting.command()
@click.argument("word")
@click.option("--loud", is_flag=True)
def write(word: str, loud: bool) -> None:
    """Write a word."""
    click.echo(word.upper() if loud else word)


@defaulting.command()
def accept() -> None:
    """Accept."""
    click.echo("accepted")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["churn"], "churn\n"),
        (["--loud", "churn"], "CHURN\n"),
        (["write", "accept"], "accept\n"),
        (["accept"], "accepted\n"),
    ],
)
def test_one_command_may_go_without_its_name(arguments, said):
    assert CliRunner().invoke(defaulting, arguments).output == said


def test_the_help_of_the_group_stays_its_own():
    for arguments in ([], ["--help"]):
        assert "Accept." in CliRunner().invoke(defaulting, arguments).output


@click.command()
@config_option
def which(config: Path | None) -> None:
    """Say which config is used."""
    click.echo(str(config))


def test_the_config_is_the_named_one_else_the_environments_else_this_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIRANTE_CONFIG", raising=False)
    assert CliRunner().invoke(which).stdout == "None\n"
    (tmp_path / "mirante.yaml").touch()
    assert CliRunner().invoke(which).stdout == "mirante.yaml\n"
    assert CliRunner().invoke(which, env={"MIRANTE_CONFIG": "/etc/m.yaml"}).stdout == "/etc/m.yaml\n"
    named = CliRunner().invoke(which, ["-c", "mine.yaml"], env={"MIRANTE_CONFIG": "/etc/m.yaml"})
    assert named.stdout == "mine.yaml\n"


def test_without_a_config_the_defaults_hold_in_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = settings_of(None)
    assert (settings.discover, settings.store_file) == (True, tmp_path / "mirante.db")
    (tmp_path / "mine.yaml").write_text("store: sqlite:///other.db\n")
    settings = settings_of(tmp_path / "mine.yaml")
    assert (settings.discover, settings.store_file) == (False, tmp_path / "other.db")


def test_the_list_of_commands_has_whole_sentences():
    @group.command()
    def long() -> None:
        """Say something that takes more than the width that one line of the list of commands has.

        And more.
        """

    told = " ".join(CliRunner().invoke(group, ["--help"], terminal_width=60).output.split())
    assert "takes more than the width that one line of the list of commands has. " in f"{told} "
    assert "And more" not in told
    del group.commands["long"]


def test_a_server_is_needed_by_name_where_none_of_mlflow_s_own_stores_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = settings_of(None)
    with pytest.raises(ConfigError, match="no MLflow server is known; give --tracking-uri"):
        server_of(settings, None)
    assert server_of(settings, "http://a:1") == "http://a:1"
    assert server_of(settings, None, needed=False) is None
    (tmp_path / "mirante.yaml").write_text("mlflow: {tracking_uri: 'http://a:1', token: env:UNSET_TOKEN}\n")
    unset = settings_of(tmp_path / "mirante.yaml")
    assert server_of(unset, "http://b:1") == "http://b:1"
    assert server_of(unset, None, needed=False) == "http://a:1"
    with pytest.raises(ConfigError, match=r"mirante.yaml, line 1: .*UNSET_TOKEN"):
        server_of(unset, None)
    (tmp_path / "mlflow.db").touch()
    assert server_of(settings, None) is None


@pytest.mark.parametrize(
    ("named", "given", "asked", "login"),
    [
        ("tracking_uri: 'http://a:1', ", None, "http://a:1", "secret"),
        ("tracking_uri: 'http://a:1', ", "http://a:1/", "http://a:1", "secret"),
        ("tracking_uri: 'http://a:1', ", "http://env:1", "http://env:1", "own"),
        ("", None, "http://env:1", "secret"),
        ("", "http://env:1", "http://env:1", "secret"),
        ("", "http://a:1", "http://a:1", "own"),
    ],
)
def test_the_server_is_the_one_given_or_the_config_s_or_the_environment_s_and_the_login_its_own(
    tmp_path, monkeypatch, named, given, asked, login
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://env:1")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "own")
    (tmp_path / "mirante.yaml").write_text(f"mlflow: {{{named}token: secret}}\n", encoding="utf-8")
    assert server_of(settings_of(tmp_path / "mirante.yaml"), given) == asked
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == login


@pytest.mark.parametrize(
    "command", [["report", "churn"], ["baseline", "list"], ["baseline", "show", "churn"]]
)
def test_the_config_names_the_server_for_every_command(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirante.yaml").write_text("mlflow: {tracking_uri: 'odd://there'}\n", encoding="utf-8")
    done = CliRunner().invoke(main, command)  # MLFLOW_TRACKING_URI names another one
    assert (done.exit_code, "odd://there" in done.output) == (1, True), done.output
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "mirante.yaml").unlink()
    assert "no MLflow server is known" in CliRunner().invoke(main, command).output
    assert list(tmp_path.iterdir()) == []
