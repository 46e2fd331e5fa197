"""The two commands of the README: what `make` installs, and when it does so again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSTALL = """#!/usr/bin/env bash
set -eu
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "ran: $*"\\n' > .venv/bin/python
chmod +x .venv/bin/python
printf %s "$PWD" > .venv/.home
echo "installed $1"
"""


@pytest.fixture
def checkout(tmp_path):
    """A checkout in a path with spaces whose install is quick; all else is the real Makefile."""
    folder = tmp_path / "my checkout"
    (folder / ".ci").mkdir(parents=True)
    (folder / ".ci" / "install").write_text(INSTALL)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder, *words):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *words], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_second_time_nothing_is_installed(checkout):
    assert make(checkout, "demo") == ["installed demo", "ran: -m mirante demo"]
    assert make(checkout, "demo", "ARGS=--exit --json") == ["ran: -m mirante demo --exit --json"]


def test_the_tests_of_faults_print_their_figures(checkout):
    last = make(checkout, "faults", "ARGS=-k kill")[-1]
    assert last.endswith("-q -s tests/faults -k kill")


def test_screenshots_take_arguments(checkout):
    (checkout / ".ci" / "tools").write_text("echo browser\n")
    assert make(checkout, "screenshots", "ARGS=--docs")[1:] == ["browser", "ran: -m tests.web.screens --docs"]


def test_what_is_needed_changes_and_it_is_installed_again(checkout):
    make(checkout, "demo")
    later = (checkout / ".venv" / ".installed-demo").stat().st_mtime + 1
    os.utime(checkout / "pyproject.toml", (later, later))
    assert make(checkout, "demo")[0] == "installed demo"


def test_a_checkout_that_has_moved_is_installed_again(checkout):
    make(checkout, "demo")
    moved = checkout.rename(checkout.parent / "elsewhere")
    assert make(moved, "demo")[0] == "installed demo"
    assert make(moved, "demo") == ["ran: -m mirante demo"]


def test_what_the_tests_need_serves_the_demonstration_too(checkout):
    make(checkout, ".venv/.installed-dev")
    assert make(checkout, "demo") == ["ran: -m mirante demo"]
    assert make(checkout, ".venv/.installed-dev") == []


def test_an_install_that_fails_is_done_again(checkout):
    script = checkout / ".ci" / "install"
    script.write_text("exit 3\n")
    with pytest.raises(AssertionError, match="Error 3"):
        make(checkout, "demo")
    script.write_text(INSTALL)
    assert make(checkout, "demo")[0] == "installed demo"
