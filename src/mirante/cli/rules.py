"""``mirante rules``: check, explain, export and test rules."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import click

from mirante.cli.group import config_option, failure_is_2
from mirante.cli.terminal import show
from mirante.counted import counted
from mirante.durations import parse_duration
from mirante.errors import ConfigError

__all__ = ["rules"]

_files = click.argument("files", nargs=-1, type=click.Path(path_type=Path))


@click.group()
def rules() -> None:
    """Look at rules before they wake somebody."""


@rules.command()
@_files
@config_option
def check(files: tuple[Path, ...], config: Path | None) -> None:
    """Say what is wrong with rule FILES, or with the rules of a config.

    The exit code is 0 when they can be used, 2 when not; a metric that no reading has is a warning.
    """
    from mirante.app.rehearsal import gather_rules, odd_metrics, open_store
    from mirante.app.settings import load_settings

    settings = load_settings(config) if config else None
    found = gather_rules(files, settings)
    with open_store(settings) or nullcontext() as store:
        for warning in odd_metrics(found, store):
            click.echo(f"warning: {warning}", err=True)
    click.echo(f"{counted(len(found), 'rule', 'rules')} can be used")


@rules.command()
@click.argument("name")
@config_option
@click.option(
    "--since", default="7d", show_default=True, help="How far back the stored readings are replayed."
)
@click.option("--until", type=click.DateTime(), help="End of the replay, in UTC; now by default.")
def explain(name: str, config: Path | None, since: str, until: datetime | None) -> None:
    """Say what the rule NAME means, or every rule for NAME "all".

    With a config, also where its alerts go, what it sees now, and how often it would have fired.
    """
    from mirante.alerts.config import build_routes
    from mirante.alerts.routing import Route
    from mirante.app.explain import explain_rule
    from mirante.app.rehearsal import gather_rules, open_store, rehearse
    from mirante.app.settings import load_settings

    settings = load_settings(config) if config else None
    every = gather_rules((), settings)
    found = [rule for rule in every if name in (rule.name, "all")]
    if not found:
        names = [rule.name for rule in every]
        near = " or ".join(map(repr, get_close_matches(name, names)))
        meant = f"did you mean {near}? There" if near else "there"
        raise ConfigError(f"there is no rule {name!r}; {meant} are: {', '.join(names)}")
    length = parse_duration(since)
    end = datetime.now(UTC) if until is None else until.replace(tzinfo=UTC)
    past, store = None, open_store(settings)
    if store is not None and settings is not None:
        with store:
            past = rehearse(found, store, settings, end - length, end)
    routes = Route() if settings is None else build_routes(settings.alerts)
    show("\n\n".join(explain_rule(rule, routes, past, length) for rule in found))


@rules.command()
@_files
@config_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file, instead of standard output.")
def export(files: tuple[Path, ...], config: Path | None, output: Path | None) -> None:
    """Write rules as a rule file of Prometheus.

    What PromQL cannot say is left out, with a comment in the file and a line on standard error.
    """
    from mirante.alerts.rules.export import export_rules
    from mirante.app.rehearsal import gather_rules, labels_in, open_store
    from mirante.app.settings import load_settings

    settings = load_settings(config) if config else None
    found = gather_rules(files, settings)
    with open_store(settings) or nullcontext() as store:
        made = export_rules(
            found, interval=settings.evaluation_interval if settings else None, labels_of=labels_in(store)
        )
    for name, why in made.left_out.items():
        click.echo(f"left out: {name}: {why}", err=True)
    for remark in made.remarks:
        click.echo(f"taken for granted: {remark}", err=True)
    if output is None:
        show(made.text.rstrip("\n"))
        return
    try:
        output.write_text(made.text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror}; give another path") from error
    click.echo(
        f"wrote {output}: {counted(len(made.exported), 'rule', 'rules')}, {len(made.left_out)} left out"
    )


@rules.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def test(files: tuple[Path, ...]) -> None:
    """Run unit tests of rules, in FILES of promtool's format.

    Their ``rule_files`` name rule files of Mirante. The exit code is 0 when all alerts are as expected, 1
    when not, 2 when a test cannot be run.
    """
    from mirante.alerts.unit_tests import run_unit_tests

    failed = False
    with failure_is_2():
        for file in files:
            report = run_unit_tests(file)
            show(f"Unit Testing:  {file}\n{report.text()}\n")
            failed = failed or bool(report.failures)
    raise SystemExit(int(failed))
