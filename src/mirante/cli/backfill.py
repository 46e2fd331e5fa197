"""``mirante backfill``: judge what a model or a table saw in the past, and keep it as history."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from mirante.cli.group import config_option, moment_of, settings_of
from mirante.cli.terminal import plain, show, table, width
from mirante.counted import counted

if TYPE_CHECKING:
    from mirante.app.backfill import Backfilled

__all__ = ["backfill"]

_BAR = 30


@click.command()
@click.argument("model", metavar="MODEL[@ALIAS]")
@click.option(
    "--from", "since", required=True, help="From when on, such as 2026-01-01 or 2026-01-01T14:00:00Z."
)
@click.option("--to", "until", required=True, help="Until when, which is not part of it.")
@click.option("--version", help="Version of the model; the one that the alias points to by default.")
@click.option(
    "--replace",
    is_flag=True,
    help="Judge windows anew that are judged already, with today's baseline and rules.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@config_option
def backfill(
    model: str,
    since: str,
    until: str,
    version: str | None,
    replace: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Judge what MODEL saw in the past, and keep it as history; nobody is told.

    MODEL is a model, or a table under tables: in windows of time.
    Windows, readings and alerts of the time are written to the store, where the pages show them. Days are
    those of the monitor's time zone, and only whole windows that are over are judged. Windows that the
    service has judged stay as they are. May be repeated, and stopped at any time: the next one goes on.
    """
    from mirante.app.backfill import backfill as judge
    from mirante.app.logs import configure_logs

    configure_logs()
    settings = settings_of(config)
    shown = sys.stderr.isatty()
    begin, end = _moment("--from", since), _moment("--to", until)
    try:
        done = judge(
            settings,
            model,
            begin,
            end,
            version=version,
            replace=replace,
            progress=_draw if shown else _silent,
        )
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)
    show(json.dumps(done.to_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(_told(done)))


def _moment(option: str, text: str) -> date:
    """Return a day as it is, whose time zone is the monitor's, and anything else as a time."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return moment_of(option, text)


def _silent(_done: int, _all: int) -> None:
    pass


def _draw(done: int, every: int) -> None:
    full = _BAR * done // every
    click.echo(
        f"\r[{'#' * full}{'.' * (_BAR - full)}] {done:,} of {counted(every, 'window', 'windows')}",
        nl=False,
        err=True,
    )


def _told(done: Backfilled) -> Iterator[str]:
    zone = ZoneInfo(done.timezone)
    begin, end = _local(done.start, zone), _local(done.end, zone)
    version = "" if done.subject.startswith("table/") else f", version {done.version}"
    yield plain(
        f"backfilled {done.subject}{version}, {begin} to {end} ({done.timezone}) in {done.seconds:.1f} s"
    )
    yield (
        f"windows: {counted(done.windows, 'was written', 'were written')}, {done.drifted:,} with drift; "
        f"{counted(done.rows, 'row', 'rows')}, {counted(done.readings, 'reading', 'readings')}"
    )
    if done.known or done.completed:
        yield (
            f"         {done.known + done.completed:,} were there from an earlier backfill"
            + (f"; labels came in for {done.completed:,} of them" if done.completed else "")
        )
    if done.kept:
        yield f"         {done.kept:,} were judged by the service and stay; --replace judges them anew"
    if done.left:
        yield f"         {done.left:,} at the end are left to the service, which judges them itself"
    if done.waiting:
        yield (
            f"         of {done.waiting:,} the labels are not due yet: a later backfill, or a service that "
            "starts later, measures them"
        )
    yield f"alerts:  {len(done.alerts):,}; they are marked as replayed, and nobody was told"
    if done.alerts:
        rows = [
            [
                row.rule,
                row.severity,
                _local(row.fired_at or row.active_at, zone),
                _local(row.resolved_at or done.end, zone),
                row.summary,
            ]
            for row in done.alerts
        ]
        yield table(["RULE", "SEVERITY", "FROM", "TO", "WHAT"], rows, columns=width(120))


def _local(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"
