"""A command that fails ends with a sentence and an exit code: 2 for what was given, 1 for the world."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from mirante.cli.group import Commands
from mirante.errors import ConfigError, MiranteError, StoreError


@click.group(cls=Commands)
def group() -> None:
    """Commands that fail."""


@group.command()
@click.argument("kind")
def fail(kind: str) -> None:
    """Fail in one of several ways."""
    raised: dict[str, MiranteError] = {"given": ConfigError("no such key"), "world": StoreError("disk full")}
    raise raised[kind]


@pytest.mark.parametrize(("kind", "code", "said"), [("given", 2, "no such key"), ("world", 1, "disk full")])
def test_our_errors_are_one_sentence(kind, code, said):
    result = CliRunner().invoke(group, ["fail", kind])
    assert (result.exit_code, result.stderr) == (code, f"mirante: {said}\n")
