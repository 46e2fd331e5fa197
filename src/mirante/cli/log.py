"""``mirante log``: look at the predictions that were recorded, take them out, delete them."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirante.cli.group import config_option, failure_is_2, moment_of, settings_of
from mirante.cli.terminal import plain, show, table, width
from mirante.counted import counted
from mirante.errors import ArchiveError, InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.app.deletion import DeletedRows
    from mirante.inference_log import InferenceLog
    from mirante.inference_log.stat import LogStat

__all__ = ["log"]

_folder = click.option(
    "--log",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the log; those of the config by default.",
)
_archive = click.option(
    "--archive",
    metavar="URL",
    help="Where sealed segments are moved to, such as s3://bucket/log; that of the config by default.",
)
_models = click.option("--model", "models", multiple=True, help="Only this model; may be repeated.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def log() -> None:
    """Look at the predictions that were recorded, take them out, delete them."""


def _logs(config: Path | None, folder: Path | None, archive: str | None) -> list[InferenceLog]:
    """Return the logs that are meant, for reading; an archive that does not answer is said first."""
    from mirante.app.deletion import logs_of

    logs = logs_of(settings_of(config), folder, archive)
    for each in logs:
        if each.archive is not None:
            each.archive.check(there=archive is not None)
    return logs


def _known(logs: Sequence[InferenceLog], models: Sequence[str], config: Path | None) -> None:
    """Refuse a model that no log has and the config does not name.

    Raises
    ------
    InputError
        With the nearest ones.
    """
    recorded = {name for each in logs for name, _ in each.models()}
    known = recorded | {one.model for one in settings_of(config).models}
    for model in models:
        if model not in known:
            near = ", ".join(map(repr, get_close_matches(model, sorted(known), n=3, cutoff=0.0)))
            places = ", ".join(str(each.root) for each in logs)
            said = f"nearest to it are {near}" if near else "and no other either"
            raise InputError(f"{places} has no model {model[:100]!r}, {said}; `mirante log stat` shows them")


@log.command()
@_folder
@_archive
@_models
@click.option(
    "-n", "lines", type=click.IntRange(0), default=10, show_default=True, help="How many of each model."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with those that are recorded from now on.")
@_json
@config_option
def tail(
    folder: Path | None,
    archive: str | None,
    models: tuple[str, ...],
    lines: int,
    follow: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Print the newest predictions, a line each; with --json an object a line."""
    say = _as_json if as_json else _as_line
    logs = _logs(config, folder, archive)
    _known(logs, models, config)
    places = [
        (each, model) for each in logs for model in (models or sorted({model for model, _ in each.models()}))
    ]
    cursors: dict[int, Any] = {}
    for number, (each, model) in enumerate(places):
        cursors[number] = each.present(model) if follow else None  # before the rows: none is left out
        _print(each.newest(model, lines) if lines else None, model, say)
    while follow:
        for number, (each, model) in enumerate(places):
            found, cursors[number] = each.read_new(model, cursors[number], limit_rows=10_000)
            _print(found, model, say)
        time.sleep(_POLL)


_POLL = 1.0


def _print(rows: pa.Table | None, model: str, say: Callable[[str, dict[str, Any]], str]) -> None:
    for batch in () if rows is None else rows.to_batches(max_chunksize=1_000):
        for row in batch.to_pylist():
            show(say(model, row))


def _as_json(model: str, row: dict[str, Any]) -> str:
    return json.dumps({"__model": model, **row}, default=str, ensure_ascii=False)


def _as_line(model: str, row: dict[str, Any]) -> str:
    """Return a row as it fits a line; what a terminal would obey is replaced."""
    at = f"{row['__time']:%Y-%m-%dT%H:%M:%S}Z"
    latency = row.get("__latency")
    said = [at, f"{model}/{row['__version']}", str(row["__id"]), f"-> {_short(row.get('__prediction'))}"]
    said += [] if latency is None else [f"{latency * 1000:.1f} ms"]
    said += [f"{name}={_short(value)}" for name, value in row.items() if not name.startswith("__")]
    line = plain("  ".join(said))
    most = width()
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def _short(value: Any) -> str:
    return "missing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@log.command()
@_folder
@_archive
@_models
@_json
@config_option
def stat(
    folder: Path | None, archive: str | None, models: tuple[str, ...], as_json: bool, config: Path | None
) -> None:
    """Say how large the log is: rows, bytes, times, segments, damage and drops of each model and version."""
    logs = _logs(config, folder, archive)
    _known(logs, models, config)
    found = [(each, line) for each in logs for line in each.stat(models or None)]
    if as_json:
        show(json.dumps([{"log": str(each.root), **line.to_dict()} for each, line in found], indent=2))
        return
    headings = ["MODEL", "VERSION", "ROWS", "SIZE", "B/ROW", *_COUNTED, "DROPPED", "TIMES"]
    told: set[tuple[Path, str]] = set()
    rows = []
    for each, line in found:
        again = (each.root, line.model) in told
        told.add((each.root, line.model))
        rows.append(_stat_row(line, again=again))
    show(table(headings, rows, columns=width(140)) if rows else "nothing is recorded")


_COUNTED = ("OPEN", "SEALED", "ARCHIVED", "DAMAGED", "DELETED")


def _stat_row(line: LogStat, *, again: bool) -> list[str]:
    dropped = "" if again else f"{line.dropped:,}"  # of the model, whatever the version: said once
    return [
        line.model,
        line.version,
        f"{line.rows:,}",
        _size(line.bytes),
        f"{line.bytes_per_row:.0f}" if line.rows else "",
        *(str(getattr(line, name.lower())) for name in _COUNTED),
        dropped,
        _span(line.first, line.last),
    ]


def _span(first: datetime | None, last: datetime | None) -> str:
    return "" if first is None or last is None else f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@log.command()
@_folder
@_archive
@_models
@_json
@config_option
def repair(
    folder: Path | None, archive: str | None, models: tuple[str, ...], as_json: bool, config: Path | None
) -> None:
    """Read everything, say what is damaged, and put right what a crash left.

    Torn ends of dead recorders are cut and their segments sealed; living recorders are left alone. What is
    damaged is left out by everything that reads, and said here by file and batch. The exit code is 0 when
    nothing was found, 1 when something was, 2 when it cannot run.
    """
    with failure_is_2():
        damage: list[str] = []
        sealed = cut = removed = 0
        logs = _logs(config, folder, archive)
        _known(logs, models, config)
        for each in logs:
            done = each.repair(models or None)
            sealed, cut, removed = sealed + done.sealed, cut + done.cut_bytes, removed + done.removed
            damage += [*done.damage, *each.verify(models or None)]
    if as_json:
        said = {"damage": damage, "sealed": sealed, "cut_bytes": cut, "removed": removed}
        show(json.dumps(said, indent=2))
    else:
        show("\n".join(plain(line) for line in [*damage, *_repaired(sealed, cut, removed)]) or "all is well")
    raise SystemExit(int(bool(damage or sealed or cut or removed)))


def _repaired(sealed: int, cut: int, removed: int) -> Iterator[str]:
    if sealed or removed:
        segments = counted(sealed, "segment", "segments")
        yield f"sealed {segments} of dead recorders, removed {removed:,} that held no row"
    if cut:
        yield f"cut {counted(cut, 'byte', 'bytes')} of batches that were never finished"


@log.command()
@click.argument("model")
@click.argument("output", type=click.Path(path_type=Path))
@_folder
@_archive
@click.option("--since", help="From when on, such as 2026-01-31 or 2026-01-31T14:00:00Z.")
@click.option("--until", help="Until when.")
@click.option("--version", help="Only this version of the model.")
@click.option("--columns", metavar="A,B", help="Only these columns.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "arrow"]),
    help="By the end of OUTPUT's name when not given.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@config_option
def export(
    model: str,
    output: Path,
    folder: Path | None,
    archive: str | None,
    since: str | None,
    until: str | None,
    version: str | None,
    columns: str | None,
    form: Any,
    force: bool,
    config: Path | None,
) -> None:
    """Write rows of MODEL to OUTPUT: Parquet, CSV or Arrow.

    Only its owner can read the file. In CSV an apostrophe comes before texts that a spreadsheet would take
    for formulas. What is deleted from the log later stays in the file.
    """
    found = _logs(config, folder, archive)
    _known(found, [model], config)
    logs = [each for each in found if model in {name for name, _ in each.models()}]
    if len(logs) != 1:
        said = "no log has" if not logs else "several logs have"
        raise InputError(f"{said} rows of {model!r}; name the folder with --log")
    rows = logs[0].export(
        model,
        output,
        start=moment_of("--since", since) if since else None,
        end=moment_of("--until", until) if until else None,
        columns=None if columns is None else [name for name in map(str.strip, columns.split(",")) if name],
        version=version,
        format=form,
        force=force,
    )
    click.echo(f"wrote {output}: {counted(rows, 'row', 'rows')}")


@log.command()
@_folder
@_archive
@_models
@click.option("--id", "ids", multiple=True, help="Id of a prediction; may be repeated.")
@click.option(
    "--ids-from", type=click.File("r", encoding="utf-8"), help="A file with an id a line; - for input."
)
@click.option("--where", metavar="COLUMN=VALUE", help="All rows with this value, such as customer_id=123.")
@click.option("--by", help="Who deletes, for the journal; the user of this machine by default.")
@click.option(
    "--wait", type=click.FloatRange(0), default=10.0, show_default=True, help="Seconds to wait for recorders."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@config_option
def delete(
    folder: Path | None,
    archive: str | None,
    models: tuple[str, ...],
    ids: tuple[str, ...],
    ids_from: Any,
    where: str | None,
    by: str | None,
    wait: float,
    yes: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Delete rows for good: by the ids of predictions, or by what a column says.

    Segments are rewritten; labels, and rows that windows keep, go from the config's store as well. A column
    that is hashed is searched for the value's hash. The log's deletions.jsonl says what was deleted, when and
    by whom, without the value. The exit code is 0 when all is done, 1 when something waits for a recorder or
    could not be searched, 2 when it cannot run.
    """
    with failure_is_2():
        from mirante.app.deletion import delete_from_logs, logs_of

        listed = [] if ids_from is None else [line.strip() for line in ids_from]
        column, values = _wanted([*ids, *filter(None, listed)], where)
        logs = logs_of(settings_of(config), folder, archive)  # an archive that is away is gone on with later
        with suppress(ArchiveError):
            _known(logs, models, config)
    if not yes:
        what = f"the rows of {len(values)} {'ids' if column == '__id' else f'values of {plain(column)}'}"
        places = ", ".join(str(each.root) for each in logs)
        click.confirm(f"Delete {what} from {places} for good?", abort=True, err=True)
    with failure_is_2():
        done = delete_from_logs(
            settings_of(config),
            logs,
            values,
            column=column,
            models=models or None,
            by=by or getpass.getuser(),
            wait=wait,
        )
    show(json.dumps(_deletion_dict(done), indent=2) if as_json else "\n".join(map(plain, _told(done))))
    raise SystemExit(int(not done.finished))


def _wanted(ids: Sequence[str], where: str | None) -> tuple[str, list[str]]:
    if bool(ids) == (where is not None):
        raise InputError("say which rows: --id (or --ids-from), or --where COLUMN=VALUE, and not both")
    if where is None:
        return "__id", list(dict.fromkeys(ids))
    column, equals, value = where.partition("=")
    if not column or not equals or not value:
        raise InputError(f"--where is {where!r}; write COLUMN=VALUE, such as customer_id=123")
    return column, [value]


def _deletion_dict(done: DeletedRows) -> dict[str, Any]:
    logs = [{"log": str(root), **each.to_dict()} for root, each in done.logs.items()]
    unkeyed = [str(root) for root in done.unkeyed]
    return {"finished": done.finished, "store": done.store, "unkeyed": unkeyed, "logs": logs}


def _told(done: DeletedRows) -> Iterator[str]:
    from mirante.app.deletion import NOT_REMOVED
    from mirante.inference_log.deletion import ARCHIVE

    for root, each in done.logs.items():
        rows, segments = counted(each.rows, "row", "rows"), counted(each.segments, "segment", "segments")
        yield f"{root}: deleted {rows}; rewrote {segments}"
        if each.forgotten:
            yield f"{root}: " + ", ".join(
                f"{kind.replace('_', ' ')}: {n}" for kind, n in each.forgotten.items()
            )
        later = "the service, or the next `mirante log delete`, ends it"
        if written := len([where for where in each.waiting if where != ARCHIVE]):
            rows, segments = (
                counted(each.waiting_rows, "row", "rows"),
                counted(written, "segment", "segments"),
            )
            yield f"{root}: {rows} in {segments} to be deleted when their recorder has sealed them; {later}"
        if ARCHIVE in each.waiting:
            yield f"{root}: what is in the archive waits until that can be reached; {later}"
        yield from (f"could not be searched: {said}" for said in each.unread)
        if root in done.unkeyed:
            yield (
                f"{root}: the column looks hashed, and no config has its key, so hashed rows could not be "
                "searched; name the config with -c"
            )
    if done.store is None:
        yield "there is no store: labels and rows of windows were not looked for; give a config with -c"
    yield from NOT_REMOVED
