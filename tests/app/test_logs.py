import io
import json
import logging
import sys
from datetime import datetime

import pytest
import structlog

from mirante.app.logs import configure_logs

OTHERS = ("mlflow", "alembic", "uvicorn")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _as_it_was():
    before = {name: logging.getLogger(name).level for name in OTHERS}
    yield
    structlog.reset_defaults()
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_line_is_json_on_standard_error(capsys):
    configure_logs()
    structlog.get_logger("mirante.test").warning("task failed", task="host", error='said "no" é\nsecond line')
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    entry = json.loads(err)
    assert datetime.fromisoformat(entry.pop("timestamp")).utcoffset().total_seconds() == 0
    assert entry == {
        "event": "task failed",
        "level": "warning",
        "task": "host",
        "error": 'said "no" é\nsecond line',
    }


def test_a_terminal_has_lines_for_people(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    configure_logs()
    structlog.get_logger("mirante.test").info("found a model", subject="model/churn@champion")
    assert "found a model" in terminal.getvalue()
    assert "model/churn@champion" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


@pytest.mark.parametrize(("level", "shown"), [(logging.INFO, ["b", "c"]), (logging.WARNING, ["c"])])
def test_what_is_below_the_level_is_left_out(capsys, level, shown):
    configure_logs(level)
    log = structlog.get_logger("mirante.test")
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == shown


def test_loggers_made_before_are_configured_too(capsys):
    early = structlog.get_logger("mirante.early")
    configure_logs(logging.WARNING)
    early.info("not shown")
    early.warning("shown")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["shown"]


def test_an_exception_is_written_with_its_traceback(capsys):
    configure_logs()
    try:
        int("no number")
    except ValueError:
        structlog.get_logger("mirante.test").exception("a flush failed")
    entry = json.loads(capsys.readouterr().err)
    assert entry["level"] == "error"
    assert "ValueError: invalid literal for int()" in entry["exception"]


def test_of_other_libraries_only_warnings_are_shown():
    for name in OTHERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    configure_logs()
    for name in OTHERS:
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        assert logging.getLogger(name).isEnabledFor(logging.WARNING)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_name_cannot_turn_a_line_round_or_end_it(monkeypatch, terminal):
    name = "evil\u202eexe\x1b[2J\u2028\x9b"
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs()
    structlog.get_logger("mirante.test").warning("not judged", subject=name)
    written = stream.getvalue()
    assert "\\u202e" in written
    assert not {"\u202e", "\u2028", "\x9b"} & set(written)
    assert "\x1b[2J" not in written
    if not terminal:
        assert json.loads(written)["subject"] == name
