"""Durations, hanging runs, and what is missing to make runs again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mirante.views.report.condition import durations, gaps, stale_runs
from tests.views.made_runs import NOW, as_json, columns_of

HOUR = timedelta(hours=1)


def test_durations_by_status():
    runs = [as_json(f"{n}", started=NOW, ended=NOW + n * HOUR) for n in range(1, 12)]
    runs += [
        as_json("x", started=NOW, ended=NOW - HOUR, status="FAILED"),  # a clock that was set back
        as_json("y", started=NOW, status="RUNNING"),
        as_json("z", ended=NOW, status="KILLED"),
    ]
    (name,) = found = durations(columns_of(runs))
    assert (name, found[name].runs) == ("FINISHED", 11)
    one = found[name]
    assert (one.median, one.longest, one.longest_run, one.total) == (6 * 3600, 11 * 3600, "11", 66 * 3600)
    assert one.p95 == pytest.approx(10.5 * 3600)


def test_runs_without_a_sign_of_life():
    runs = [
        as_json("fresh", started=NOW - HOUR, status="RUNNING"),
        as_json("logs", started=NOW - 99 * HOUR, logged=NOW - HOUR, metrics={"m": 1}, status="RUNNING"),
        as_json("old", started=NOW - 99 * HOUR, logged=NOW - 30 * HOUR, metrics={"m": 1}, status="RUNNING"),
        as_json("older", started=NOW - 50 * HOUR, status="RUNNING"),
        as_json("timeless", status="RUNNING"),
        as_json("over", started=NOW - 99 * HOUR),
    ]
    columns = columns_of(runs)
    found = stale_runs(columns, NOW, 24 * HOUR)
    assert [(columns.run_ids[row], sign) for row, sign in found] == [
        ("timeless", None),
        ("older", NOW - 50 * HOUR),
        ("old", NOW - 30 * HOUR),
    ]


def test_gaps_of_finished_runs():
    commit, dirty = "mlflow.source.git.commit", "mlflow.source.git.dirty"
    runs = [
        as_json("good", started=NOW, datasets=1, tags={commit: "1f", dirty: "false"}),
        as_json("dirty", started=NOW + HOUR, datasets=2, tags={commit: "1f", dirty: "True"}),
        as_json("bare", started=NOW + 2 * HOUR),
        as_json("bare too", started=NOW + 3 * HOUR),
        as_json("failed", started=NOW, status="FAILED", tags={dirty: "true"}),
    ]
    found = {one.kind: (one.runs, one.of, one.examples) for one in gaps(columns_of(runs))}
    assert found == {
        "no_dataset": (2, 4, ("bare too", "bare")),
        "no_commit": (2, 4, ("bare too", "bare")),
        "dirty_git": (1, 2, ("dirty",)),
    }
    assert {one.of for one in gaps(columns_of([]))} == {0}
