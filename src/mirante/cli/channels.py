"""``mirante channels``: whether people would be reached."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mirante.cli.group import config_option, settings_of

__all__ = ["channels"]


@click.group()
def channels() -> None:
    """Try channels before an alert needs one."""


@channels.command()
@click.argument("name")
@config_option
def test(name: str, config: Path | None) -> None:
    """Send a real notice to the channel NAME.

    It goes by an outbox and the channel, as every notice does. The exit code is 0 when it was delivered, 1
    when not.
    """
    from mirante.app.channel_test import send_test_notice

    attempt = send_test_notice(settings_of(config), name, datetime.now(UTC))
    if attempt.outcome == "delivered":
        click.echo(f"delivered to {name} in {attempt.seconds:.1f} s")
        return
    later = "; a notice of an alert would be tried again" if attempt.outcome == "retry" else ""
    click.echo(f"not delivered to {name}: {attempt.error}{later}", err=True)
    raise SystemExit(1)
