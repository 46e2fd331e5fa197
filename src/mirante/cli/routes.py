"""``mirante routes``: where an alert would go."""

from __future__ import annotations

from pathlib import Path

import click

from mirante.cli.group import config_option, settings_of
from mirante.cli.terminal import show
from mirante.errors import ConfigError

__all__ = ["routes"]


@click.group()
def routes() -> None:
    """Look at routes before an alert takes one."""


@routes.command()
@click.argument("labels", nargs=-1, metavar="LABEL=VALUE...")
@config_option
@click.option("--verify-channels", metavar="A,B", help="Exit with 1 unless it goes to exactly these.")
def test(labels: tuple[str, ...], config: Path | None, verify_channels: str | None) -> None:
    """Say which channels an alert with these labels goes to, by which route, and how soon.

    Beside the labels of its reading an alert has ``rule``, ``severity`` and ``subject``.
    """
    from mirante.alerts.config import build_routes
    from mirante.alerts.tracing import destination_in_words, trace

    given: dict[str, str] = {}
    for text in labels:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ConfigError(f"{text!r} is no label; write LABEL=VALUE, such as severity=critical")
        given[name] = value
    places = trace(build_routes(settings_of(config).alerts), given)
    show("\n".join(destination_in_words(place, given) for place in places) or "no channel")
    if verify_channels is not None:
        wanted = {name for name in map(str.strip, verify_channels.split(",")) if name}
        got = {place.channel for place in places}
        if wanted != got:
            click.echo(
                f"expected {', '.join(sorted(wanted)) or 'none'}; got {', '.join(sorted(got)) or 'none'}",
                err=True,
            )
            raise SystemExit(1)
