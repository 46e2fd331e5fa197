"""``mirante tables``: the two result tables as Parquet."""

from __future__ import annotations

from pathlib import Path

import click

from mirante.cli.group import config_option, moment_of, settings_of, store_of
from mirante.counted import counted

__all__ = ["tables"]


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder; the config's result_tables.folder, else tables, by default.",
)
@click.option(
    "--model", "--subject", "models", multiple=True, help="Name of a model, or a subject; may be repeated."
)
@click.option("--since", help="From the month of this time on, such as 2026-01-31.")
@click.option("--until", help="Until this time; its month is written whole.")
@config_option
def tables(
    output: Path | None, models: tuple[str, ...], since: str | None, until: str | None, config: Path | None
) -> None:
    """Write what is known of windows as Parquet, for SQL, pandas and Spark.

    The folders profile_metrics and drift_metrics get a file for each subject and month. Files that are
    right already are left as they are, so that a second run writes only what is new.
    """
    from mirante.app.tables import make_tables

    settings = settings_of(config)
    begin = moment_of("--since", since) if since else None
    end = moment_of("--until", until) if until else None
    folder = output or (settings.result_tables.folder if settings.result_tables else Path("tables"))
    with store_of(settings) as store:
        done = make_tables(store, folder, models=models, since=begin, until=end)
    if not done.files and not done.unchanged:
        click.echo("wrote nothing: no window was judged in this time")
        return
    same = f"; {counted(done.unchanged, 'file was', 'files were')} right already" if done.unchanged else ""
    files, rows = counted(done.files, "file", "files"), counted(done.rows, "row", "rows")
    click.echo(f"wrote {folder}: {files}, {rows}{same}")
