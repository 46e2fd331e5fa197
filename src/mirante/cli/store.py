"""``mirante store``: what an administrator does with the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirante.cli.group import Commands, config_option, failure_is_2, settings_of
from mirante.counted import counted
from mirante.errors import ConfigError

if TYPE_CHECKING:
    from mirante.store.database import Database

__all__ = ["store"]


@click.group(cls=Commands)
def store() -> None:
    """Upgrade, back up, restore and vacuum the store."""


def _address(config: Path | None) -> str:
    """Return the address of a store that is there."""
    from mirante.store.store import check_there

    address = settings_of(config).store_address()
    check_there(address)
    return address


@contextmanager
def _database(config: Path | None) -> Iterator[Database]:
    """Open a database as it is: the store's own class would upgrade it."""
    from mirante.store.database import Database

    with closing(Database(_address(config))) as database:
        yield database


@store.command()
@config_option
def info(config: Path | None) -> None:
    """Show where the store is, its schema and its size."""
    from mirante.store.backup.tables import row_counts
    from mirante.store.dialect import bytes_used
    from mirante.store.migrate import revision
    from mirante.store.schema import HEAD

    with _database(config) as database, database.reading() as snapshot:
        found = revision(snapshot)
        click.echo(database.name)
        newest = "the present one" if found == HEAD else f"this Mirante has {HEAD}"
        click.echo(f"  schema {found}, {newest}" if found else "  no tables of Mirante yet")
        click.echo(f"  {bytes_used(snapshot) / 1e6:,.1f} MB")
        _show_rows(row_counts(snapshot))


def _show_rows(rows: Mapping[str, int]) -> None:
    for name, count in rows.items():
        click.echo(f"  {count:>12,}  {name}")


@store.command()
@click.option("--check", is_flag=True, help="Only say whether it is needed: exit code 0 if not, 1 if it is.")
@config_option
def upgrade(check: bool, config: Path | None) -> None:
    """Bring the store to the schema of this Mirante, in one transaction.

    The service does so too when it starts. The exit code is 2 where a newer Mirante has written the store.
    """
    with failure_is_2(), _database(config) as database:
        from mirante.store.migrate import missing
        from mirante.store.migrate import upgrade as bring_up
        from mirante.store.schema import HEAD

        with database.reading() as snapshot:
            found, todo = missing(snapshot, database.name)
        if not todo:
            click.echo(f"{database.name} has the schema {HEAD}: nothing to do")
            return
        steps = counted(len(todo), "migration", "migrations")
        before = f"the schema {found}" if found else "no tables of Mirante"
        if check:
            click.echo(f"{database.name} has {before}, {steps} behind {HEAD}")
            raise SystemExit(1)
        bring_up(database)
        click.echo(f"{database.name}: {steps} done, from {before} to {HEAD}")


@store.command()
@click.option("--full", is_flag=True, help="On PostgreSQL, give the space back to the system: locks tables.")
@config_option
def vacuum(full: bool, config: Path | None) -> None:
    """Give back the space of what was deleted.

    A SQLite file is written anew; who writes to it waits meanwhile. On PostgreSQL the space is for later
    rows, unless --full is given.
    """
    from mirante.store.vacuum import vacuum as give_back

    with _database(config) as database:
        done = give_back(database, full=full)
        click.echo(f"{database.name}: {done.before / 1e6:,.1f} MB before, {done.after / 1e6:,.1f} MB after")


@store.command()
@click.argument("path", type=click.Path())  # a text: a path forgets the slash at its end
@config_option
def backup(path: str, config: Path | None) -> None:
    """Write all that is in the store to the file PATH, or to a new file in the folder PATH.

    The service may run meanwhile. The file is the same for SQLite and PostgreSQL; `mirante store restore`
    reads it into either.
    """
    from mirante import __version__
    from mirante.store.backup.making import back_up

    if path.endswith("/") and not Path(path).is_dir():
        raise ConfigError(f"there is no folder {path}; make it first, or name a file without the last /")
    made = back_up(
        settings_of(config).store_address(), Path(path), now=datetime.now(UTC), version=__version__
    )
    rows = counted(sum(made.rows.values()), "row", "rows")
    click.echo(f"wrote {made.path}: {rows}, {made.size / 1e6:,.1f} MB, schema {made.revision}")


@store.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Throw away what is in the store.")
@click.option("--check", is_flag=True, help="Only read the backup as a whole, and say what is in it.")
@config_option
def restore(path: Path, force: bool, check: bool, config: Path | None) -> None:
    """Make the store anew from the backup PATH, which may be of the other database.

    No other program may have the store open. A store with data is refused without --force.
    """
    from mirante.store.backup.restoring import check_backup
    from mirante.store.backup.restoring import restore as put_back

    if check:
        done = check_backup(path)
    else:
        done = put_back(path, settings_of(config).store_address(), force=force)
        click.echo(f"restored {path} into {done.name}")
    said = done.manifest
    click.echo(
        f"  made {said.created:%Y-%m-%d %H:%M:%S} UTC by Mirante {said.version}, schema {said.revision}"
    )
    _show_rows(done.rows)
