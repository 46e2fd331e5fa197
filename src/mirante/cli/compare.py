"""The command ``mirante compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mirante.cli.group import config_option, failure_is_2, moment_of, settings_of
from mirante.cli.terminal import show

__all__ = ["compare"]


@click.command()
@click.argument("first", metavar="MODEL@CHAMPION")
@click.argument("second", metavar="MODEL@CHALLENGER")
@click.option("--since", metavar="TIME", help="Rows from then on.")
@click.option("--until", metavar="TIME", help="Rows before then.")
@click.option(
    "--rows", type=click.IntRange(1), default=10_000, show_default=True, help="At most so many, by lot."
)
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="Parquet or CSV to ask both versions for, instead of the inference log.",
)
@click.option("--label", metavar="COLUMN", help="Column of --data with the truth.")
@click.option(
    "--task",
    type=click.Choice(["probability", "probabilities", "class", "regression"]),
    help="What a prediction is; by the config, else by the values.",
)
@click.option(
    "--prediction", metavar="PART", help="Name, or position from 0, of the value that is meant, where one "
    "prediction is several."
)  # fmt: skip
@click.option(
    "--timeout", type=click.IntRange(1), default=600, show_default=True, help="Seconds for a model's answers."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Also write one HTML file.")
@config_option
def compare(
    first: str, second: str, as_json: bool, html: Path | None, config: Path | None, **options: Any
) -> None:
    """Compare two versions of a model on the same rows: whether they agree, where not, which is better.

    A version is NAME@ALIAS or NAME/VERSION. Rows are those of the inference log that the first has
    answered. Where the second has answered them too (mirante serve --shadow), what it said is taken;
    else it is asked now, in a process of its own, which needs full MLflow: pip install 'mirante[mlflow]'.

    The exit code is 0 when the second is not worse in anything, 1 when it is, 2 when it cannot run.
    """
    with failure_is_2():
        from mirante.app.compare import Rows, compare_versions

        since, until = (
            moment_of(f"--{name}", options[name]) if options[name] else None for name in ("since", "until")
        )
        rows = Rows(
            since,
            until,
            options["rows"],
            options["data"],
            options["label"],
            options["prediction"],
            float(options["timeout"]),
        )
        settings = settings_of(config)
        result = compare_versions(settings, first, second, rows, task=options["task"])
        text = result.to_text(locale=settings.locale)
        show(json.dumps(result.to_dict(), indent=2, allow_nan=False) if as_json else text)
        if html is not None:
            click.echo(f"wrote {result.to_html(html, locale=settings.locale)}", err=True)
    raise SystemExit(int(any(one.verdict == "worse" for one in result.measures)))
