"""``mirante alerts``: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mirante.cli import main
from mirante.store import AlertRow, NoticeRow, Store, WindowRow

BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
HOSTILE = "\x1b[2J\x1b]0;owned\x07 データ\n\u202eevil"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mirante.yaml"
    path.write_text("store: sqlite:///mirante.db\n")
    labels = {"host": "web-1"}
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        for id_, rule, state, severity, summary in (
            ("aa11", "high_cpu", "firing", "critical", "CPU at 93% on web-1"),
            ("aa22", "disk_full", "pending", "warning", HOSTILE),
            ("bb33", "high_cpu", "resolved", "info", "over " + "x" * 200),
        ):
            fired = BEGAN if state != "pending" else None
            ended = BEGAN + timedelta(hours=1) if state == "resolved" else None
            row = AlertRow(
                id_, rule, labels, "host/web-1", severity, state, BEGAN, fired, ended, value=float("nan")
            )
            store.alerts.save(replace(row, summary=summary))
        notice = NoticeRow(
            "n1",
            "slack",
            "first_firing",
            BEGAN,
            BEGAN,
            3,
            "dead",
            error="Slack answered 404",
            alert_ids=("aa11",),
        )
        store.outbox.add(notice)
    return path


def run(config: Path, *arguments: str) -> Result:
    command, *rest = arguments
    return CliRunner().invoke(main, ["alerts", command, "-c", str(config), *rest])


def loaded(config: Path, *arguments: str) -> Any:
    done = run(config, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output, parse_constant=pytest.fail)


def test_list_shows_what_is_open_within_80_columns(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = run(config, "list", "--state", "all").output
    assert ("over " + "x" * 200 in piped, "…" in piped) == (True, False)
    monkeypatch.setenv("COLUMNS", "80")
    done = run(config, "list")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].split() == ["SEVERITY", "STATE", "ID", "AGE", "WHAT"]
    assert len(lines) == 3
    (critical,) = (line for line in lines if line.startswith("critical  firing   aa11  3h   "))
    assert critical.endswith("CPU at 93% on web-1")
    wide = run(config, "list", "--state", "all").output.splitlines()
    assert max(map(len, wide)) <= 80
    assert wide[-1].endswith("…") or any(line.endswith("…") for line in wide)
    assert [one["id"] for one in loaded(config, "list", "--rule", "disk_full")] == ["aa22"]
    assert loaded(config, "list", "--subject", "host/other") == []
    assert run(config, "list", "--rule", "none").output == "No alert is pending or firing.\n"


def test_an_alert_names_the_window_that_it_is_about(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    start, end = datetime(2013, 2, 8, 5, tzinfo=UTC), datetime(2013, 2, 9, 5, tzinfo=UTC)
    subject, labels = "model/churn@champion", {"model": "churn", "alias": "champion", "version": "1"}
    row = AlertRow("cc44", "drift", labels, subject, "info", "firing", BEGAN, reading_time=start)
    with Store(f"sqlite:///{config.parent}/mirante.db") as store:
        store.windows.put(WindowRow(subject, "1", start, end))
        store.alerts.save(replace(row, summary="churn drifts"))
    said = f"{start.astimezone():%Y-%m-%d %H:%M} – {end.astimezone():%Y-%m-%d %H:%M}"
    assert f"  window   {said}\n" in run(config, "show", "cc44").output
    assert f"  churn drifts (window {said})\n" in run(config, "list").output
    listed = {one["id"]: one["window"] for one in loaded(config, "list")}
    times = {"start": "2013-02-08T05:00:00+00:00", "end": "2013-02-09T05:00:00+00:00"}
    assert listed == {"cc44": times, "aa11": None, "aa22": None}
    assert loaded(config, "show", "cc44")["window"] == times


def test_names_that_mean_harm_do_nothing_to_a_terminal(config: Path):
    for command in (("list",), ("show", "aa22"), ("ack", "aa22", "--author", "\x1b[31m")):
        output = run(config, *command).output
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", output), command
        assert "?[2J?]0;owned?" in output


def test_colours_are_for_terminals_alone(config: Path):
    arguments = [sys.executable, "-m", "mirante", "alerts", "list", "-c", str(config)]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    piped = subprocess.run(arguments, capture_output=True, env=environment, check=True)
    assert b"\x1b" not in piped.stdout
    for extra, has_colour in (({}, True), ({"NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        subprocess.run(arguments, stdout=theirs, env=environment | extra, check=True)
        assert (b"\x1b[31mcritical" in os.read(ours, 10_000)) is has_colour
        os.close(ours)
        os.close(theirs)


def test_an_alert_is_taken_shown_and_given_back(config: Path):
    assert run(config, "ack", "aa1", "--note", "on it", "--author", "ana").output == (
        "ana has it in hand: CPU at 93% on web-1\n"
    )
    assert "[ana has it] CPU at 93% on web-1" in run(config, "list").output
    refused = run(config, "ack", "aa11", "--author", "rui")
    assert (refused.exit_code, "ana has this alert in hand since" in refused.output) == (1, True)
    assert run(config, "ack", "aa11", "--author", "rui", "--take-over").exit_code == 0
    shown = run(config, "show", "aa11").output
    assert "in hand  rui" in shown
    assert "acknowledged by ana: on it" in shown
    assert "notice to slack, first firing: given up after 3 tries (Slack answered 404)" in shown
    detail = loaded(config, "show", "aa11")
    assert [one["kind"] for one in detail["timeline"]][:3] == ["pending", "firing", "notice"]
    assert "payload" not in detail["timeline"][2]["notice"]
    assert run(config, "unack", "aa11", "--author", "rui").exit_code == 0
    assert run(config, "unack", "aa11", "--author", "rui").exit_code == 1


def test_the_author_is_the_login_name_by_default(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("getpass.getuser", lambda: "marta")
    assert run(config, "ack", "aa11").output.startswith("marta has it in hand")

    def nobody() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    done = run(config, "unack", "aa11")
    assert (done.exit_code, "say who you are: --author NAME" in done.output) == (2, True)


def test_a_silence_is_made_listed_and_ended(config: Path):
    made = run(config, "silence", "host=~web-.*", "--for", "2h", "--comment", "new disk", "--author", "ana")
    assert made.exit_code == 0, made.output
    assert ": host=~web-.*\n" in made.output
    id_ = re.search(r"unsilence (\w+)", made.output)[1]
    assert "[silenced for 119m] CPU" in run(config, "list").output
    (listed,) = loaded(config, "silences")
    assert (listed["state"], listed["author"], listed["comment"]) == ("holding", "ana", "new disk")
    assert f"holding  {id_}" in run(config, "silences").output
    assert run(config, "unsilence", id_, "--author", "rui").output == "ended: new disk\n"
    assert run(config, "silences").output == "Nothing is silenced.\n"
    again = run(config, "unsilence", id_, "--author", "rui")
    assert (again.exit_code, "make a new one" in again.output) == (1, True)
    assert [one["state"] for one in loaded(config, "silences", "--all")] == ["over"]
    told = run(config, "history", "--since", "1h").output
    assert "silence created" in told
    assert "silence ended" in told
    assert [one["kind"] for one in loaded(config, "history")] == ["silence_created", "silence_ended"]


def test_a_silence_from_an_alert_takes_its_labels_and_the_line_wins(config: Path):
    more = ("--for", "1h", "--comment", "c", "--author", "a")
    run(config, "silence", "--alert", "aa11", *more)
    assert loaded(config, "silences")[0]["matchers"] == {"rule": "high_cpu", "host": "web-1"}
    run(
        config, "silence", "--alert", "aa11", "host=~web-.*", "--for", "3h", "--comment", "c", "--author", "a"
    )
    assert loaded(config, "silences")[0]["matchers"] == {"rule": "high_cpu", "host": "~web-.*"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "zz"), 1, "there is no alert 'zz'; mirante alerts list shows their ids"),
        (("show", ""), 1, "there is no alert ''"),
        (("show", "aa"), 2, "'aa' is the beginning of 2 ids"),
        (("ack", "bb33", "--author", "a"), 1, "this alert is over"),
        (("unsilence", "zz"), 1, "there is no silence 'zz'; mirante alerts silences shows their ids"),
        (("silence", "host", "--for", "1h", "--comment", "c"), 2, "'host' is no matcher"),
        (("silence", "--for", "1h", "--comment", "c"), 2, "name at least one label"),
        (("silence", "a=b", "--for", "x", "--comment", "c"), 2, "'x' is no length of time"),
        (("history", "--since", "x"), 2, "'x' is no length of time"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(config: Path, arguments: tuple[str, ...], code: int, said: str):
    done = run(config, *arguments)
    assert (done.exit_code, done.output.count("\n")) == (code, 1), done.output
    assert done.output.startswith("mirante: ")
    assert said in done.output


def test_history_of_all_time_and_of_none(config: Path):
    assert run(config, "history", "--since", "999999d").output == "Nothing happened in the last 999999d.\n"


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path):
    path = tmp_path / "mirante.yaml"
    path.write_text("store: sqlite:///away.db\n")
    done = run(path, "list")
    assert (done.exit_code, "there is no store at" in done.output) == (2, True)
    assert "-c /path/to/mirante.yaml" in done.output
    assert not (tmp_path / "away.db").exists()


@pytest.mark.parametrize(
    ("matcher", "said"),
    [
        ("rule=high_cp", "no rule and no open alert fits this; the nearest rule is high_cpu\n"),
        ("rule=zzzzzzzz", "no rule and no open alert fits this\n"),
        ("rule=~high_.*", ""),
        ("rule=disk_full", ""),
        ("host=not-yet-there", ""),
    ],
)
def test_a_silence_that_nothing_fits_is_made_and_says_so(config: Path, matcher: str, said: str):
    made = run(config, "silence", matcher, "--for", "2h", "--comment", "c", "--author", "ana")
    assert made.exit_code == 0
    assert made.output.startswith("silenced until")
    assert ("fits this" in made.output) == bool(said)
    assert said in made.output


def test_rules_that_are_broken_do_not_hold_up_a_silence(config: Path):
    config.write_text("store: sqlite:///mirante.db\nalerts: {rules: away.yaml}\n")
    made = run(config, "silence", "rule=typo", "--for", "2h", "--comment", "c", "--author", "ana")
    assert (made.exit_code, "fits this" in made.output) == (0, False)
