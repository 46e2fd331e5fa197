"""``mirante report``: experiments as one file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirante.cli.group import config_option, moment_of, server_of, settings_of
from mirante.counted import counted
from mirante.errors import ConfigError, InputError

if TYPE_CHECKING:
    from mirante.tracking.runs.directions import Direction
    from mirante.views.report.experiment import ExperimentReport

__all__ = ["report"]


@click.command()
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="The file; its ending says the kind: .html, .md, .json or .csv.",
)
@click.option("--since", help="Only runs started since: 30d, 2026-01-31, 2026-01-31T14:00:00Z.")
@click.option("--until", help="Only runs started before.")
@click.option("--filter", "filter_string", default="", help="Only runs that MLflow's filter takes.")
@click.option(
    "--direction",
    "stated",
    multiple=True,
    metavar="METRIC=lower|higher",
    help="Which way is better, where the metric's name misleads; may be repeated.",
)
@click.option(
    "--stale-after", default="1d", show_default=True, help="How long a running run may give no sign of life."
)
@click.option("--log", "log_mlflow", is_flag=True, help="Also log the file to MLflow as an artifact.")
@click.option("--locale", type=click.Choice(["en", "pt_BR"]), default="en", help="Language of the page.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA name of the page's clock.")
@click.option(
    "--tracking-uri",
    help="MLflow server; the config's, else that of MLFLOW_TRACKING_URI, by default.",
)
@config_option
def report(
    experiments: tuple[str, ...],
    output: Path,
    since: str | None,
    until: str | None,
    filter_string: str,
    stated: tuple[str, ...],
    stale_after: str,
    log_mlflow: bool,
    locale: str,
    timezone: str,
    tracking_uri: str | None,
    config: Path | None,
) -> None:
    """Write a report of an EXPERIMENT (name or id) as one file; of several, a comparison.

    Each metric with its best and worst run, what failed runs have in common, which parameters a metric goes
    with, stale runs, and what is missing to make runs again. Of a config, MLflow's address and login and
    experiments.directions hold here too.
    """
    from mirante.views.report import MLflowReport
    from mirante.views.report.compare import compare_reports
    from mirante.views.report.output import check_kind, write_output

    check_kind(output)
    _check_timezone(timezone)
    directions = _directions(stated)
    settings = settings_of(config)
    server = server_of(settings, tracking_uri)
    reports = MLflowReport(
        tracking_uri=server,
        log=False,
        directions={**settings.experiments.directions, **directions},
        ui_url=settings.mlflow.ui_url if server == settings.mlflow.tracking_uri else None,
    )
    begin = _since(since) if since else None
    end = moment_of("--until", until) if until else None
    shown = sys.stderr.isatty()
    made = []
    for name in experiments:
        try:
            made.append(
                reports.generate_experiment_report(
                    name,
                    since=begin,
                    until=end,
                    filter_string=filter_string,
                    stale_after=stale_after,
                    progress=_draw if shown else None,
                )
            )
        finally:
            if shown:
                click.echo("\r\x1b[K", nl=False, err=True)
    found = made[0] if len(made) == 1 else compare_reports(made)
    _warn_of_unknown(directions, made)
    path = write_output(found, output, locale=locale, timezone=timezone)
    total = sum(one.total_runs for one in made)
    click.echo(f"wrote {path}: {counted(total, 'run', 'runs')}")
    if log_mlflow:
        _log(path, made[0], server)


def _draw(done: int) -> None:
    click.echo(f"\r{counted(done, 'run', 'runs')} read", nl=False, err=True)


def _since(text: str) -> datetime:
    from mirante.durations import parse_duration

    try:
        return datetime.now(UTC) - parse_duration(text)
    except (ConfigError, OverflowError):
        return moment_of("--since", text)


def _directions(stated: tuple[str, ...]) -> dict[str, Direction]:
    out: dict[str, Direction] = {}
    for text in stated:
        metric, _, direction = text.rpartition("=")
        if not metric or direction not in ("lower", "higher"):
            raise InputError(f"--direction is {text!r}; write METRIC=lower or METRIC=higher")
        out[metric] = "lower" if direction == "lower" else "higher"
    return out


def _check_timezone(name: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"--timezone is {name!r}; give an IANA name such as America/Sao_Paulo") from error


def _warn_of_unknown(directions: Mapping[str, Direction], made: Sequence[ExperimentReport]) -> None:
    for metric in directions:
        if not any(metric in one.metrics for one in made):
            click.echo(f"--direction {metric}: no run has this metric", err=True)


def _log(path: Path, report: ExperimentReport, uri: str | None) -> None:
    """Log the file to the run of MLFLOW_RUN_ID, else to the experiment's monitoring run."""
    from mirante.tracking.runs import log_artifact

    run_id = os.environ.get("MLFLOW_RUN_ID")
    subject = f"experiment/{report.experiment_id}"
    if not log_artifact(path, subject=subject, run_id=run_id, uri=uri):
        raise SystemExit(1)  # a warning said why
    place = f"run {run_id}" if run_id else f"run {subject} of the experiment mirante"
    click.echo(f"logged to MLflow: {path.name} in the {place}", err=True)
