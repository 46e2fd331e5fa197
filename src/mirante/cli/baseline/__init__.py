"""``mirante baseline``: what is normal for a model version is made, shown, listed, compared and accepted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirante.cli.group import WithDefault, config_option, failure_is_2, server_of, settings_of
from mirante.cli.proposals import accept
from mirante.cli.spark import spark_of, spark_options
from mirante.cli.terminal import show as say
from mirante.cli.terminal import width
from mirante.counted import counted

if TYPE_CHECKING:
    from mirante.capture.privacy import Privacy
    from mirante.monitors.config import ModelConfig

__all__ = ["baseline"]

_server = click.option(
    "--tracking-uri",
    help="MLflow server; the config's, else that of MLFLOW_TRACKING_URI, by default.",
)
_alias = click.option("--alias", help="Alias of the version, where MODEL does not say; champion by default.")
_json = click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")


@click.group(cls=WithDefault, default="create")
def baseline() -> None:
    """Create, show, list and compare baselines, or accept what a model has seen as the new normal.

    MODEL is NAME, NAME@alias, models:/NAME@alias or models:/NAME/3.
    """


@baseline.command()
@click.argument("model")
@click.option(
    "--data",
    help="The rows of a normal time: a Parquet, CSV or Arrow file, a folder of Parquet files, run:RUN_ID, "
    "run:RUN_ID/NAME, or an address. Without it, the data set that was logged with the model's run.",
)
@click.option("--dataset", metavar="NAME", help="Name or context of one of the run's data sets.")
@click.option(
    "--prediction",
    multiple=True,
    metavar="COLUMN",
    help="Column with what the model said; once for each class, where it is probabilities. With --predict, "
    "which of its outputs.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME",
    help="Name of a class, once for each, in the order of the probabilities; else the names of the columns.",
)
@click.option("--predict", is_flag=True, help="Load the model in a process of its own and let it answer.")
@click.option("--time", "time_column", help="Column with the event time.")
@click.option("--label", "label_column", help="Column with the truth.")
@click.option(
    "--keep-extra", is_flag=True, help="Also columns that the model's signature does not have are features."
)
@_alias
@click.option("--window", default="1h", show_default=True, help="Length of the windows that will be judged.")
@click.option("--timezone", default="UTC", show_default=True, help="Clock that windows are cut on.")
@click.option(
    "--alarm-budget", default="1 per 30d", show_default=True, help="False alarms that are accepted."
)
@click.option(
    "--sample-rows",
    type=click.IntRange(min=0),
    default=5_000,
    show_default=True,
    help="Rows kept with it, to name the slice that moved; 0 keeps none.",
)
@click.option(
    "--slice",
    "slices",
    multiple=True,
    metavar="COLUMN|CONDITION",
    help="Judge these rows for themselves: each value of a column, or 'age >= 65'; may be repeated.",
)
@_server
@spark_options
@config_option
def create(config: Path | None, engine: str, master: str | None, **options: Any) -> None:
    """Write the baseline of MODEL beside its version in MLflow.

    Columns that the config drops or hashes for this model are dropped and hashed here too. With --engine
    spark, its workers read --data, a table of its own by name or Parquet files, and count all rows; 200,000
    rows at most are brought here, for the models that are fitted to rows.
    """
    from mirante.app.baseline import make_baseline

    options["tracking_uri"] = server_of(settings_of(config), options["tracking_uri"])
    entry = _entry(config, options["model"], options["alias"])
    privacy = None if entry is None else _privacy(config, entry)
    options["prediction"] = options["prediction"] or None
    options["classes"] = options["classes"] or (() if entry is None else entry.classes or ())
    with spark_of(engine, master, options["data"]) as spark:
        say(make_baseline(**options, privacy=privacy, told=_Progress(), spark=spark))


def _entry(config: Path | None, model: str, alias: str | None) -> ModelConfig | None:
    """Return what the config says of a model."""
    if config is None:
        return None
    from mirante.tracking.models import ModelName

    wanted = ModelName.parse(model, alias)
    return next((one for one in settings_of(config).models if one.model == wanted.name), None)


def _privacy(config: Path | None, entry: ModelConfig) -> Privacy | None:
    """Return what the config drops and hashes of a model: all its entries agree, whatever the alias."""
    from mirante.app.deletion import privacy_of

    return privacy_of(settings_of(config), entry.model, entry.alias)


class _Progress:
    """Says once a second, and at the end, how many rows the model has answered."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, done: int, rows: int) -> None:
        if time.monotonic() - self._last >= 1.0 or done == rows:
            self._last = time.monotonic()
            click.echo(f"the model has answered {done:,} of {counted(rows, 'row', 'rows')}", err=True)


@baseline.command()
@click.argument("model")
@_alias
@click.option("--rows", type=click.IntRange(min=1), help="Rows of a window, for the effect that it can show.")
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FOLDER", help="Also write the baseline's files there."
)
@_json
@_server
@config_option
def show(
    model: str,
    alias: str | None,
    rows: int | None,
    save: Path | None,
    as_json: bool,
    tracking_uri: str | None,
    config: Path | None,
) -> None:
    """Show the baseline of MODEL, or of a folder that --save wrote."""
    from mirante.app.baseline.keeping import describe, in_folder, kept_baseline, save_files
    from mirante.cli.baseline.telling import description

    server = None if in_folder(model) else server_of(settings_of(config), tracking_uri)
    kept = kept_baseline(model, alias=alias, tracking_uri=server)
    told = describe(kept, rows)
    say(json.dumps(told, indent=2, allow_nan=False) if as_json else description(told, width()))
    if save is not None:
        click.echo(f"wrote {save_files(kept, save)}", err=True)


@baseline.command("list")
@click.argument("model", required=False)
@_json
@_server
@config_option
def list_(model: str | None, as_json: bool, tracking_uri: str | None, config: Path | None) -> None:
    """List the model versions that have a baseline, and those with an alias that have none.

    MODEL is the name of a registered model; without it all are listed.
    """
    from dataclasses import asdict

    from mirante.app.baseline.keeping import list_baselines
    from mirante.cli.baseline.telling import listing

    found = list_baselines(model, tracking_uri=server_of(settings_of(config), tracking_uri))
    say(json.dumps([asdict(one) for one in found], indent=2) if as_json else listing(found, width()))


@baseline.command()
@click.argument("first")
@click.argument("second")
@click.option(
    "--floor", type=float, default=0.03, show_default=True, help="Distance up to which values are the same."
)
@click.option(
    "--alpha",
    type=float,
    default=0.01,
    show_default=True,
    help="Chance that baselines of the same data are called different.",
)
@_json
@_server
@config_option
def diff(
    first: str,
    second: str,
    floor: float,
    alpha: float,
    as_json: bool,
    tracking_uri: str | None,
    config: Path | None,
) -> None:
    """Compare two baselines: models as above, or folders that show --save wrote.

    The exit code is 0 when they are the same within the floor, 1 when they differ, 2 when it cannot run.
    """
    with failure_is_2():
        from mirante.app.baseline.keeping import in_folder, kept_baseline
        from mirante.cli.baseline.telling import difference, difference_dict
        from mirante.monitors.differences import difference_of

        saved = in_folder(first) and in_folder(second)
        server = None if saved else server_of(settings_of(config), tracking_uri)
        sides = [kept_baseline(text, tracking_uri=server) for text in (first, second)]
        found = difference_of(sides[0].baseline, sides[1].baseline, floor=floor, alpha=alpha)
        names = (sides[0].name, sides[1].name)
        if as_json:
            say(json.dumps(difference_dict(found, names), indent=2, allow_nan=False))
        else:
            say(difference(found, names, width()))
    raise SystemExit(int(found.differs))


baseline.add_command(accept)
