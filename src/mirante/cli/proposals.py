"""``mirante proposals``: what Mirante would do, and what a person says to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirante.cli.group import Commands, config_option, moment_of, settings_of, store_of

if TYPE_CHECKING:
    from mirante.app.settings import Settings
    from mirante.store import ProposalRow, Store

__all__ = ["accept", "proposals"]

_author = click.option(
    "--author", required=True, envvar="USER", help="Who decides; your user name by default."
)
_reason = click.option("--reason", required=True, help="Why; it is kept with the decision.")


@click.group(cls=Commands)
def proposals() -> None:
    """List, approve, reject and undo what Mirante proposes to do."""


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Settings, Store]]:
    settings = settings_of(config)
    with store_of(settings) as store:
        yield settings, store


@proposals.command("list")
@config_option
@click.option("--all", "every", is_flag=True, help="Also those that are decided.")
def list_(config: Path | None, every: bool) -> None:
    """List the proposals, newest first."""
    from mirante.alerts.actions.words import proposal_lines, state_word
    from mirante.store.proposals import WAITING

    with _opened(config) as (settings, store):
        rows = store.proposals.list(states=None if every else WAITING)
        for row in rows:
            state = state_word(row.state, settings.locale)
            first = proposal_lines(row, settings.locale)[0]
            click.echo(f"{row.id}  {row.created_at:%Y-%m-%d %H:%M} UTC  [{state}]  {first}")
        if not rows:
            click.echo("no proposals" if every else "no proposals wait for a decision")


@proposals.command()
@click.argument("id")
@config_option
def show(config: Path | None, id: str) -> None:  # noqa: A002  the argument's name in the usage line
    """Show a proposal with all that is known of both sides."""
    from mirante.alerts.actions.deciding import find

    with _opened(config) as (settings, store):
        _show(find(store, id), settings)


def _show(row: ProposalRow, settings: Settings) -> None:
    from mirante.alerts.actions.words import proposal_lines, state_word

    click.echo(f"{row.id} [{state_word(row.state, settings.locale)}]")
    for line in proposal_lines(row, settings.locale):
        click.echo(f"  {line}")


def _carried_out(store: Store, settings: Settings, row: ProposalRow) -> None:
    """Do what was decided; end with 1 when it could not be done."""
    from mirante.app.actions import carry_out_now

    after, waits = carry_out_now(store, settings, row, datetime.now(UTC))
    _show(after, settings)
    if waits:
        click.echo(f"mirante: not carried out yet, the service will do it: {waits}", err=True)
    if waits or after.state == "failed" or (row.state == "undoing" and after.state != "undone"):
        raise SystemExit(1)


def _decision(name: str, done: str, decide: str, *, carried_out: bool) -> None:
    """Add a command that decides a proposal."""

    @proposals.command(name, help=done)
    @click.argument("id")
    @_author
    @_reason
    @config_option
    def command(config: Path | None, **given: Any) -> None:
        from mirante.alerts.actions import deciding

        with _opened(config) as (settings, store):
            function: Callable[..., ProposalRow] = getattr(deciding, decide)
            row = function(store, given.pop("id"), now=datetime.now(UTC), **given)
            if carried_out:
                _carried_out(store, settings, row)
            else:
                _show(row, settings)


_decision("approve", "Approve a proposal, and carry it out.", "approve", carried_out=True)
_decision("reject", "Reject a proposal.", "reject", carried_out=False)
_decision("undo", "Go back from what was done.", "undo", carried_out=True)


@click.command()
@click.argument("subject")
@click.option("--since", required=True, help="From when on, such as 2026-01-31 or 2026-01-31T14:00:00Z.")
@click.option("--until", required=True, help="Until when; the windows end by then.")
@_author
@_reason
@config_option
def accept(config: Path | None, subject: str, since: str, until: str, author: str, reason: str) -> None:
    """Make what SUBJECT (model/NAME@ALIAS) has seen the new normal.

    The closed windows of the range are added up into a new baseline of the model version; `mirante proposals
    undo` goes back.
    """
    from mirante.monitors.acceptance import ask_to_accept

    with _opened(config) as (settings, store):
        row = ask_to_accept(
            store,
            subject,
            moment_of("--since", since),
            moment_of("--until", until),
            author=author,
            reason=reason,
            now=datetime.now(UTC),
        )
        _carried_out(store, settings, row)
