"""Open windows: what is counted, what is written of it, and that it is taken up again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from mirante.monitors.slices.counting import SliceCounts, signature
from mirante.monitors.slices.resolving import resolve
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile

from ..conftest import START, make_rows

DAY = Window(START, START + timedelta(days=1))


def rows(day=0, count=200):
    features, predictions, _ = make_rows(day, count)
    return pa.table({**features.to_dict("list"), "__prediction": predictions})


def test_what_was_written_is_taken_up_and_goes_on(baseline):
    found = resolve(["plan", "age > 50"], baseline, "churn")
    counts = SliceCounts(found, baseline.predictions)
    table = rows()
    counts.add(DAY, table.slice(0, 120))
    written = counts.changed("s", "1")
    assert {row.label for row in written} == {"plan=basic", "plan=plus", "plan=pro", "age > 50"}
    assert counts.changed("s", "1") == []
    again = SliceCounts(found, baseline.predictions)
    again.take_up([*written, replace(written[0], value="gone")])
    again.add(DAY, table.slice(120))
    profiles = again.close(DAY.start)
    whole = {name: table[name] for name in table.column_names if not name.startswith("__")}
    old = TableProfile.of(
        pa.table({**whole, "prediction": table["__prediction"]}).filter(pa.compute.greater(table["age"], 50)),
        like=found.like,
    )
    assert old in profiles.values()
    assert again.close(DAY.start) == {}
    assert again.changed("s", "1") == []


def test_without_slices_nothing_is_counted(baseline):
    counts = SliceCounts(resolve(None, baseline, "churn"), baseline.predictions)
    counts.add(DAY, rows())
    assert counts.changed("s", "1") == []
    assert counts.close(datetime(2026, 1, 1, tzinfo=UTC)) == {}


def test_the_signature_tells_slices_and_layouts_apart(baseline):
    def of(*texts):
        return signature(resolve(texts, baseline, "churn"))

    assert of() == ""
    assert len({of("plan"), of("age > 50"), of("plan", "age > 50"), of("age > 51")}) == 4
    assert of("plan") == of("plan")
