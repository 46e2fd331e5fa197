"""The command ``mirante``: thin; each command calls one function of the rooms below."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirante import __version__
from mirante.cli.agent import agent
from mirante.cli.alerts import alerts
from mirante.cli.backfill import backfill
from mirante.cli.baseline import baseline
from mirante.cli.channels import channels
from mirante.cli.compare import compare
from mirante.cli.group import (
    Commands,
    config_option,
    failure_is_2,
    moment_of,
    settings_of,
    store_of,
    until_told,
)
from mirante.cli.label import label
from mirante.cli.log import log
from mirante.cli.proposals import proposals
from mirante.cli.report import report
from mirante.cli.routes import routes
from mirante.cli.rules import rules
from mirante.cli.serve import serve
from mirante.cli.spark import spark_of, spark_options
from mirante.cli.store import store
from mirante.cli.tables import tables
from mirante.cli.terminal import show
from mirante.errors import ConfigError

if TYPE_CHECKING:
    from mirante.app.settings import Settings

__all__ = ["main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mirante")
def main() -> None:
    """Mirante watches what runs around an MLflow server, and tells who should know."""


main.add_command(alerts)
main.add_command(agent)
main.add_command(rules)
main.add_command(routes)
main.add_command(channels)
main.add_command(serve)
main.add_command(label)
main.add_command(compare)
main.add_command(log)
main.add_command(tables)
main.add_command(baseline)
main.add_command(proposals)
main.add_command(backfill)
main.add_command(report)
main.add_command(store)


@main.command()
@config_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page, instead of the config's.")
@click.option(
    "--discover",
    is_flag=True,
    help="Also watch what the config does not name: recorded models with an alias, experiments, traces, "
    "and the model registry.",
)
def up(config: Path | None, port: int | None, discover: bool) -> None:
    """Run the service until Ctrl-C: monitors, rules, channels, page."""
    with until_told():
        _serve(config, port, discover)
    click.echo("Mirante has stopped.")


def _serve(config: Path | None, port: int | None, discover: bool) -> None:
    from mirante.app.config_file import store_file_of
    from mirante.app.heaps import bound_heaps
    from mirante.app.lockfile import hold_alone

    bound_heaps()
    lock = hold_alone(store_file_of(config))  # before all that takes time: a second one ends at once
    from mirante.app.build import build
    from mirante.app.logs import configure_logs
    from mirante.app.rehearsal import odd_metrics
    from mirante.app.service import Service

    configure_logs()
    settings = settings_of(config).on_port(port)
    settings = settings.discovering() if discover else settings
    with build(settings) as parts:
        service = Service(settings, parts, lock=lock)

        found = [*settings.retention.doubts, *odd_metrics(parts.engine.rules, parts.store)]
        odd = [f"warning: {one}" for one in found]

        def ready(address: str) -> None:
            up = f"Mirante is up: {address}  (Ctrl-C stops it)"
            click.echo("\n".join([up, *_what_is_missing(settings), *odd]))

        asyncio.run(service.run(ready=ready))


def _what_is_missing(settings: Settings) -> list[str]:
    """Return what to tell somebody who starts without a channel, or without a server and not by choice."""
    lines = []
    if settings.mlflow.tracking_uri is None and "enabled" not in settings.mlflow.model_fields_set:
        watched = "this host" if settings.host.enabled else "no host, and no model"
        lines.append(
            f"No MLflow server is known, so what is watched is {watched}: set MLFLOW_TRACKING_URI, or "
            "mlflow.tracking_uri in mirante.yaml."
        )
    if not settings.alerts.channels:
        lines.append(
            "No alert channel is set up, so alerts are shown on the page and told to nobody: name one below "
            "alerts.channels in mirante.yaml, such as mail or Slack."
        )
    if lines and settings.file is None:
        lines.append("mirante init writes a mirante.yaml to start from.")
    return lines


@main.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--agent", "for_agent", is_flag=True, help="An agent.yaml instead, for mirante agent.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(path: Path | None, for_agent: bool, force: bool) -> None:
    """Write a commented mirante.yaml to start from, or an agent.yaml."""
    from mirante.app.agent.config import AGENT_TEMPLATE
    from mirante.app.template import CONFIG_TEMPLATE

    path = path or Path("agent.yaml" if for_agent else "mirante.yaml")
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already; --force replaces it")
    try:
        path.write_text(AGENT_TEMPLATE if for_agent else CONFIG_TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; give another path") from error
    click.echo(f"wrote {path}; edit it, then run: mirante {'agent' if for_agent else 'up'} -c {path}")


@main.command()
@click.option("--reference", required=True, type=click.Path(path_type=Path), help="What normal is.")
@click.option("--current", required=True, type=click.Path(path_type=Path), help="What is compared with it.")
@click.option("--columns", metavar="A,B", help="Only these columns.")
@click.option(
    "--alpha",
    type=float,
    default=0.01,
    show_default=True,
    help="Chance that tables that differ by chance alone are called drifted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write one HTML file.")
@click.option("--log-mlflow", is_flag=True, help="Also log metrics and the HTML file to MLflow.")
@spark_options
def check(
    reference: Path,
    current: Path,
    columns: str | None,
    alpha: float,
    as_json: bool,
    html: Path | None,
    log_mlflow: bool,
    engine: str,
    master: str | None,
) -> None:
    """Compare a table with a reference.

    Tables are Parquet, CSV or Arrow files, or folders of Parquet files; with --engine spark Parquet files
    that its workers can read, or names of its tables. The exit code is 0 when nothing drifted, 1 on drift,
    2 when it cannot run.
    """
    with failure_is_2(), spark_of(engine, master, reference, current) as spark:
        from mirante.monitors.check import check as compare

        names = None if columns is None else [name for name in map(str.strip, columns.split(",")) if name]
        result = compare(reference, current, columns=names, alpha=alpha, spark=spark)
        text = result.to_text(shutil.get_terminal_size((100, 24)).columns)
        show(json.dumps(result.to_dict(), indent=2, allow_nan=False) if as_json else text)
        if html is not None:
            click.echo(f"wrote {result.to_html(html)}", err=True)
        if log_mlflow and result.log_mlflow(run_id=os.environ.get("MLFLOW_RUN_ID")):
            click.echo("logged to MLflow", err=True)
    raise SystemExit(int(result.drifted))


@main.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default="dashboard.html",
    show_default=True,
    help="The file.",
)
@click.option("--model", "models", multiple=True, help="Name of a model, or a subject; may be repeated.")
@click.option("--since", help="From when on, such as 2026-01-31 or 2026-01-31T14:00:00Z.")
@click.option("--until", help="Until when.")
@click.option("--locale", type=click.Choice(["en", "pt_BR"]), help="Language; the config's by default.")
@config_option
def dashboard(
    output: Path,
    models: tuple[str, ...],
    since: str | None,
    until: str | None,
    locale: str | None,
    config: Path | None,
) -> None:
    """Write what the store knows as one HTML file that needs no network.

    For each subject: its state and why, charts, drift, what moved most against the baseline, windows, alerts.
    """
    from mirante.app.dashboard import holds_any, make_dashboard

    settings = settings_of(config)
    begin = moment_of("--since", since) if since else None
    end = moment_of("--until", until) if until else None
    with store_of(settings) as known:
        path = make_dashboard(
            settings,
            known,
            output,
            models=models,
            since=begin,
            until=end,
            locale=locale,
        )
        empty = not holds_any(known, models, since=begin, until=end)
    nothing = ", with no chart: nothing was read or judged in this time" if empty else ""
    click.echo(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB{nothing}")


@main.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default="mirante-demo",
    show_default=True,
    help="Folder for everything that it makes.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the page; a free one by default.")
@click.option(
    "--config", type=click.Path(exists=True, path_type=Path), help="A mirante.yaml with channels to use."
)
@click.option("--exit", "leave", is_flag=True, help="Stop after the work instead of serving the page.")
@click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON.")
def demo(folder: Path, port: int | None, config: Path | None, leave: bool, as_json: bool) -> None:
    """Monitor a model on all 336,776 flights that left New York in 2013."""
    from mirante.app.logs import configure_logs
    from mirante.app.service import Service
    from mirante.demo.progress import Progress
    from mirante.demo.run import run_demo
    from mirante.demo.tell import tell

    configure_logs()
    with run_demo(folder, Progress(), config=config, port=port) as done:
        if as_json:
            click.echo(json.dumps(done.summary, indent=2, ensure_ascii=False))
        else:
            click.echo(tell(done.summary, ended=leave))
        sys.stdout.flush()
        if not leave:
            service = Service(done.settings, done.parts)
            asyncio.run(
                service.run(
                    ready=lambda address: click.echo(
                        f"\nOpen {address}  (Ctrl-C stops everything)", err=as_json
                    )
                )
            )
            click.echo("Stopping the MLflow server, which takes some seconds.", err=as_json)
