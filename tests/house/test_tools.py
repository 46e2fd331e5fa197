"""Programs that tests need: found, skipped over, or an error in CI; and how tests share two processors."""

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


class Item:
    """As much of a test as the plugin asks for."""

    def __init__(self, nodeid, fixturenames=(), group=None):
        self.nodeid, self.fixturenames = nodeid, list(fixturenames)
        self.markers = {} if group is None else {"xdist_group": pytest.mark.xdist_group(group).mark}

    def get_closest_marker(self, name):
        return self.markers.get(name)

    def add_marker(self, marker):
        self.markers[marker.name] = marker.mark


class Config:
    def __init__(self, dist):
        self.dist = dist

    def getoption(self, name, default):
        assert name == "dist"
        return self.dist or default


def shared(dist, *items):
    found = list(items)
    tools.pytest_collection_modifyitems(Config(dist), found)
    return [(tools._group(item), item.nodeid.partition("::")[2]) for item in found]


def test_long_files_begin_then_those_with_servers_and_each_file_stays_together():
    items = [
        Item("tests/stats/test_a.py::one"),
        Item("tests/cli/test_b.py::plain"),
        Item("tests/cli/test_b.py::served", ["mlflow_process"]),
        Item("tests/stats/test_c.py::one"),
        Item("tests/stats/test_c.py::two"),
        Item("tests/sources/test_d.py::sparked", ["spark"]),
        Item("tests/profiles/test_e.py::sparked", ["spark"]),
        Item("tests/faults/test_f.py::kill"),
        Item("tests/stats/test_g.py::own", group="mine"),
    ]
    assert shared("loadgroup", *items) == [
        ("spark", "sparked"),
        ("spark", "sparked"),
        ("tests/faults/test_f.py", "kill"),
        ("tests/cli/test_b.py", "plain"),
        ("tests/cli/test_b.py", "served"),
        ("tests/stats/test_c.py", "one"),
        ("tests/stats/test_c.py", "two"),
        ("mine", "own"),
        ("tests/stats/test_a.py", "one"),
    ]


def test_one_process_keeps_the_order():
    items = [Item("tests/stats/test_a.py::one"), Item("tests/faults/test_f.py::kill")]
    assert [name for _, name in shared(None, *items)] == ["one", "kill"]


def test_what_is_said_to_be_long_is_there():
    root = Path(__file__).parents[2]
    assert [name for name in tools.LONG if not (root / name).exists()] == []
