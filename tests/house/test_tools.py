"""Programs that tests need: found, skipped over, or an error in CI."""

from pathlib import Path

import pytest

from tests import tools


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda name, path=None: None)


def test_what_is_there_is_found(tmp_path, monkeypatch):
    program = tmp_path / "promtool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    assert tools.require_tool("promtool") == str(program)


def test_without_it_the_test_is_skipped(nothing_installed, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install prometheus"):
        tools.require_tool("promtool")


def test_in_ci_it_is_an_error(nothing_installed, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="chromium is not installed"):
        tools.require_tool("chromium")


def test_no_test_looks_for_a_program_by_itself():
    """One that skips where CI lacks a program, for instance, would never be missed."""
    places = [p for p in Path(tools.__file__).parent.rglob("*.py") if "shutil.which" in p.read_text("utf-8")]
    assert {p.name for p in places} <= {"tools.py", "test_tools.py"}
