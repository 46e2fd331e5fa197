"""A log for the tests of this folder: an hour's rows in each segment, begun on the first of January 2026."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.inference_log.names import make_named_folder
from mirante.inference_log.segments import SegmentWriter
from tests.inference_log.rows import rows

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=100)
EACH = 20


def record(root, hours, *, model="m", version="1", process="p", first=0, seal=True, needle=None, **more):
    """Write `EACH` rows for each hour, a segment each; the number of a row is in its id and customer."""
    folder = make_named_folder(make_named_folder(Path(root), model), version)
    now = [0.0]
    writer = SegmentWriter(folder, process=process, clock=lambda: now[0], number=first, **more)
    for hour in range(first, first + hours):
        now[0] = START.timestamp() + hour * 3600
        numbers = range(hour * EACH, hour * EACH + EACH)
        seconds = [int(now[0]) + n for n in range(EACH)]
        writer.append(
            rows(
                numbers,
                seconds=seconds,
                customer=[(needle or {}).get(n, f"customer-{n % 7}-x") for n in numbers],
            )
        )
        writer.sync()
        if seal:
            writer.close()
    return writer


def all_ids(hours):
    return [f"id{n}" for n in range(hours * EACH)]


def here(root):
    return sorted(path.name for path in Path(root).rglob("*.parquet") if not path.name.startswith("."))
