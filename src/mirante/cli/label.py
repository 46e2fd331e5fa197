"""``mirante label``: what turned out to be true, from a file."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from pathlib import Path

import click

from mirante.cli.group import config_option, settings_of
from mirante.errors import InputError, MiranteWarning

__all__ = ["label"]


@click.command()
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--id", "id_column", required=True, metavar="COLUMN", help="Column of the predictions' ids.")
@click.option(
    "--label", "column", required=True, metavar="COLUMN", help="Column of what turned out to be true."
)
@click.option("--time", metavar="COLUMN", help="Column that says when it became known; now without it.")
@click.option(
    "--at", metavar="PLACE", help="A running service's address, or a store; the config's store without it."
)
@click.option("--new-model", is_flag=True, help="Write them also for a model that has no predictions yet.")
@config_option
def label(
    model: str,
    file: Path,
    id_column: str,
    column: str,
    time: str | None,
    at: str | None,
    new_model: bool,
    config: Path | None,
) -> None:
    """Write the labels of MODEL that FILE has: CSV, Parquet or Arrow, one prediction a row.

    Rows without a label are left out, the last of several with one id counts, and the same file may be sent
    again; how many rows were left out, and why, is said. A model that neither the place nor the config knows,
    where others are known, is an error: a mistyped name.
    """
    from mirante.client.labelling import label as write
    from mirante.client.labelling import models_at
    from mirante.client.labeltables import labels_of

    known = [] if new_model else models_at(at or config)
    if known and model not in {*known, *(one.model for one in settings_of(config).models)}:
        near = ", ".join(map(repr, get_close_matches(model, known, n=3, cutoff=0.0)))
        raise InputError(
            f"Mirante knows no model {model[:100]!r}, nearest to it are {near}; nothing is written. "
            "--new-model writes labels before the first prediction"
        )
    found = labels_of(file, id=id_column, label=column, time=time)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", MiranteWarning)
        written = write(found.ids, found.values, model=model, at=at or config, time=found.times)
    click.echo(f"labels written for {model!r}: {written:,}")
    if found.without:
        click.echo(f"rows left out, since they have no label in {column!r} yet: {found.without:,}")
    if found.repeated:
        click.echo(f"rows left out, since a later row has the same id in {id_column!r}: {found.repeated:,}")
    for one in told:
        click.echo(f"mirante: {one.message}", err=True)
