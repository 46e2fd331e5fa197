"""What every command has in common: how it fails, and where the config is."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mirante.errors import ConfigError, InputError, MiranteError, NotRegisteredError

if TYPE_CHECKING:
    from mirante.app.settings import Settings
    from mirante.store import Store

__all__ = [
    "Commands",
    "WithDefault",
    "config_option",
    "failure_is_2",
    "moment_of",
    "server_of",
    "settings_of",
    "store_of",
    "until_told",
]


_WRONG = (ValueError, NotRegisteredError)  # to try again does not help
_WHOLE = 1_000  # characters: no first sentence is longer
_LOCAL_STORES = ("mlflow.db", "mlruns")  # that MLflow makes where it knows no server


class Commands(click.Group):
    """A group whose commands end with a sentence and exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a wrong config or input exits with 2, other errors with 1, Ctrl-C with 130.

        A name that MLflow does not know is wrong input.
        """
        try:
            return super().invoke(ctx)
        except MiranteError as error:
            click.echo(f"mirante: {error}", err=True)
            raise SystemExit(2 if isinstance(error, _WRONG) else 1) from error
        except KeyboardInterrupt:  # as a shell says it, and without click's "Aborted!"
            raise SystemExit(130) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its whole first sentence: click would cut it."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(_WHOLE)) for name, one in found if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class WithDefault(Commands):
    """A group in which one command may go without its name.

    Parameters
    ----------
    *args, **kwargs
        As for `click.Group`, and ``default``: the name of that command.
    """

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name before arguments that do not begin with one."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [self._default, *args]
        return super().parse_args(ctx, args)


def _config(_context: click.Context, _parameter: click.Parameter, given: Path | None) -> Path | None:
    """Return the config to use: the one that is named, else the one of this folder, if there is one."""
    from mirante.app.config_file import find_config

    return find_config(given, Path())


config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="MIRANTE_CONFIG",
    callback=_config,
    help="The config; MIRANTE_CONFIG or mirante.yaml in this folder by default. Without any, this host and "
    "the MLflow server of MLFLOW_TRACKING_URI.",
)


def settings_of(config: Path | None) -> Settings:
    """Return what a config says, or what holds without any.

    Parameters
    ----------
    config : Path, optional
        What `config_option` found.

    Returns
    -------
    Settings
        Checked.

    Raises
    ------
    ConfigError
        With every error in the file.

    Examples
    --------
    >>> settings_of(None).discover
    True
    """
    from mirante.app.settings import default_settings, load_settings

    return load_settings(config) if config else default_settings()


def server_of(settings: Settings, given: str | None, *, needed: bool = True) -> str | None:
    """Return the MLflow server to ask: the given one, else the config's, else the environment's.

    The settings' own server is shown their login, whether it is given once more or not.

    Parameters
    ----------
    settings : Settings
        From `settings_of`.
    given : str, optional
        By ``--tracking-uri``. The config's login is for the config's server alone.
    needed : bool
        Whether it will be asked; else no secret is read. MLflow itself would make an empty store here.

    Raises
    ------
    ConfigError
        If a secret of the login cannot be read, or no server is known and none of MLflow's stores is here.

    Examples
    --------
    >>> server_of(settings_of(None), "http://127.0.0.1:5000")
    'http://127.0.0.1:5000'
    """
    if given is not None and given.rstrip("/") != (settings.mlflow.tracking_uri or "").rstrip("/"):
        return given
    if not needed:
        return settings.mlflow.tracking_uri
    from mirante.app.build import use_login

    use_login(settings)
    if settings.mlflow.tracking_uri is None and not any(map(os.path.exists, _LOCAL_STORES)):
        raise ConfigError(
            "no MLflow server is known; give --tracking-uri, or set MLFLOW_TRACKING_URI, or "
            "mlflow.tracking_uri in mirante.yaml"
        )
    return settings.mlflow.tracking_uri


def store_of(settings: Settings) -> Store:
    """Return the store of a config, open; to look at what is there makes no database.

    Parameters
    ----------
    settings : Settings
        From `settings_of`.

    Raises
    ------
    InputError
        If there is none yet.
    """
    from mirante.store import Store

    try:
        return Store.existing(settings.store_address())
    except InputError as error:
        raise InputError(f"{error}: -c /path/to/mirante.yaml, or MIRANTE_CONFIG") from error


def moment_of(option: str, text: str) -> datetime:
    """Return the time that an option names; without a zone it is UTC.

    Parameters
    ----------
    option : str
        For the message.
    text : str
        ISO 8601.

    Raises
    ------
    InputError
        If it is no time.

    Examples
    --------
    >>> moment_of("--since", "2026-01-31").isoformat()
    '2026-01-31T00:00:00+00:00'
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{option} is {text!r}; give a date or a time such as 2026-01-31T14:00:00Z"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


class _Told(KeyboardInterrupt):
    """Somebody wants it to end; KeyboardInterrupt itself, even if caught, may leave a signal's exit code."""


def _tell(_number: int, _frame: object) -> NoReturn:
    raise _Told


@contextmanager
def until_told() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what runs until then, quietly, also while it still starts.

    Once it runs, it takes them itself. Outside the main thread signals are left alone.
    """
    before: dict[int, Any] = {}
    with suppress(ValueError):
        before = {number: signal.signal(number, _tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def failure_is_2() -> Iterator[None]:
    """End with 2 whatever fails, since 1 is an answer."""
    try:
        yield
    except MiranteError as error:
        click.echo(f"mirante: {error}", err=True)
        raise SystemExit(2) from error
    except Exception as error:
        traceback.print_exc()
        raise SystemExit(2) from error
