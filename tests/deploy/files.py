"""What files for deployment name, held against what there is: commands, options, variables, addresses."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from mirante.app.settings import Settings, load_settings
from mirante.cli import main
from mirante.web.routes import ROUTES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MLFLOWS = ("/ping", "/health", "/version", "/invocations")  # of its scoring app
USER = 10001
STATE = "/var/lib/mirante"


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the YAML documents of a file; a key that is there twice is an error."""
    found = [each for each in yaml.load_all(path.read_text("utf-8"), _Once) if each is not None]
    assert found, path
    return found


class _Once(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if key.value != "<<"]
        assert len(names) == len(set(names)), f"{node.start_mark}: a key is there twice"
        return super().construct_mapping(node, deep)


def check_command(words: Sequence[str]) -> dict[str, Any]:
    """Parse the words after ``mirante`` as click does; return what they mean."""
    command: click.Command = main
    context = click.Context(main, info_name="mirante")
    rest = list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"mirante {' '.join(words)}: there is no command {name!r}"
        command, context = found, click.Context(found, parent=context, info_name=name)
    try:
        command.parse_args(context, rest)
    except click.UsageError as error:
        raise AssertionError(f"mirante {' '.join(words)}: {error.format_message()}") from error
    return dict(context.params)


def check_mlflow_command(words: Sequence[str]) -> dict[str, Any]:
    """Parse the words after ``mlflow``."""
    with warnings.catch_warnings(action="ignore"):  # of what MLflow imports
        from mlflow.cli import cli

    context = click.Context(cli, info_name="mlflow")
    command = cli.get_command(context, words[0])
    assert command is not None, words
    own = click.Context(command, parent=context)
    try:
        command.make_parser(own).parse_args(list(words[1:]))
    except click.UsageError as error:
        raise AssertionError(f"mlflow {' '.join(words)}: {error.format_message()}") from error
    return {word.partition("=")[0]: word.partition("=")[2] for word in words[1:]}


def check_path(path: str, *, served: bool) -> None:
    """See to it that an address that is asked for life answers, without a token."""
    if served:
        assert path in MLFLOWS, path
        return
    assert any(route.method == "GET" and route.path == path for route in ROUTES), path
    assert path.startswith("/login"), "all others want the token, and answer 401"


def check_variable(name: str) -> None:
    """See to it that a variable is one that Mirante, MLflow, Python or PostgreSQL's client reads."""
    if name.startswith("MIRANTE_"):
        options = {one.envvar for command in leaves(main) for one in command.params}
        assert name in options, f"nothing reads {name}"
    elif name.startswith("MLFLOW_"):
        from mlflow import environment_variables

        names = {getattr(one, "name", "") for one in vars(environment_variables).values()}
        # these two are read in mlflow.utils.credentials
        assert name in names | {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}, (
            f"nothing reads {name}"
        )
    else:
        assert name in {"PYTHONUNBUFFERED", "PATH", "PGPASSWORD"}, name


def leaves(group: click.Group) -> Iterator[click.Command]:
    """Return all commands."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from leaves(command)
        else:
            yield command


def read_config(path: Path, folder: Path) -> Settings:
    """Read a ``mirante.yaml`` with its secrets, and the folder that it writes to, in another folder."""
    text = path.read_text("utf-8").replace(STATE, f"{folder}{STATE}")
    (folder / STATE.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for place in secret_paths(text):
        (folder / Path(place).name).write_text("a long random text", encoding="utf-8")
        text = text.replace(place, str(folder / Path(place).name))
    config = folder / path.name
    config.write_text(text, encoding="utf-8")
    settings = load_settings(config, environ={})
    settings.mlflow.login({})
    settings.web.secret({})
    return settings


def secret_paths(text: str) -> list[str]:
    """Return where a config looks for secrets."""
    return re.findall(r"^[^#\n]*_file: ([^\s,}]+)", text, re.M)


def extras() -> set[str]:
    """Return the names of the package's extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return set(project["project"]["optional-dependencies"])
