"""What failed runs have in common, and failures over time."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from mirante.stats.intervals import wilson
from mirante.views.report.failures import common_causes, failures_over_time
from tests.views.made_runs import NOW, as_json, columns_of


def planted(count=600, seed=1):
    """Return runs of which those with batch size 512, and those with the greatest rates, fail more often."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        size, rate = rng.choice([64, 128, 512]), 10 ** rng.uniform(-4, -1)
        fails = rng.random() < (0.5 if size == 512 else 0.4 if rate > 10**-1.75 else 0.05)
        yield as_json(
            f"{number:03}",
            started=NOW + timedelta(hours=number),
            status="FAILED" if fails else "FINISHED",
            params={"size": str(size), "rate": f"{rate:.6f}", "noise": str(rng.integers(4)), "one": "same"},
            tags={"user": str(rng.choice(["ana", "rui"]))},
        )


def test_planted_causes_are_found_and_nothing_else():
    columns = columns_of(planted())
    found, tried = common_causes(columns)
    assert {(one.kind, one.key) for one in found} == {("param", "size"), ("param", "rate")}
    assert tried == 3 + 4 + 4 + 2  # values of size, noise and user, and four ranges of the rate
    size = next(one for one in found if one.key == "size")
    has = columns.params["size"].dense(len(columns)) == "512"
    failed = columns.statuses == "FAILED"
    assert (size.value, size.failed, size.runs) == ("512", int((has & failed).sum()), int(has.sum()))
    assert size.lift == pytest.approx(failed[has].mean() / failed.mean())
    table = [[(has & failed).sum(), (has & ~failed).sum()], [(~has & failed).sum(), (~has & ~failed).sum()]]
    assert size.p_value >= stats.fisher_exact(table, alternative="greater").pvalue
    rate = next(one for one in found if one.key == "rate")
    assert float(rate.value.split(" … ")[1]) == pytest.approx(0.1, rel=0.1)


def test_chance_is_not_taken_for_a_cause():
    rng = np.random.default_rng(5)
    runs = [
        as_json(
            f"{n:03}",
            status="FAILED" if rng.random() < 0.2 else "FINISHED",
            params={f"p{k}": str(rng.integers(5)) for k in range(40)},
        )
        for n in range(200)
    ]
    found, tried = common_causes(columns_of(runs))
    assert tried == 200
    assert len(found) <= 1


def test_a_parameter_that_failed_runs_lack():
    runs = [
        as_json(f"{n:03}", status="FAILED", params={"seed": "1"} if n == 0 else {}) for n in range(20)
    ] + [as_json(f"f{n:03}", params={"seed": "1"}) for n in range(40)]
    (one,) = common_causes(columns_of(runs))[0]
    assert (one.key, one.missing, one.failed, one.runs, one.share) == ("seed", True, 19, 19, 1.0)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "RUNNING"])
def test_where_all_are_alike_nothing_is_looked_for(status):
    runs = [as_json(f"{n}", status=status, started=NOW, params={"a": "b"}) for n in range(5)]
    assert common_causes(columns_of(runs)) == ((), 0)
    assert math.isnan(failures_over_time(columns_of(runs))[1])
    assert common_causes(columns_of([])) == ((), 0)


def test_failures_over_time():
    runs = [
        as_json(f"{n:03}", started=NOW + timedelta(hours=6 * n), status="FAILED" if n > 60 else "FINISHED")
        for n in range(80)
    ]
    periods, p_value = failures_over_time(columns_of(runs))
    assert {one.end - one.start for one in periods} == {timedelta(days=1)}
    assert sum(one.runs for one in periods) == 80
    assert [one.start for one in periods[1:]] == [one.end for one in periods[:-1]]
    assert (periods[0].share, periods[-1].share) == (0.0, 1.0)
    interval = wilson(periods[0].failed, periods[0].ended)
    assert (periods[0].low, periods[0].high) == (interval.lower, interval.upper)
    assert p_value < 1e-6


@pytest.mark.parametrize("years", [0, 1, 30, 300])
def test_there_are_never_too_many_periods(years):
    start = datetime(1990, 1, 1, tzinfo=UTC)
    runs = [as_json("a", started=start), as_json("b", started=start + timedelta(days=365 * years))]
    periods, _ = failures_over_time(columns_of([*runs, as_json("c")]))
    assert 1 <= len(periods) <= 41
    assert sum(one.runs for one in periods) == 2
    assert failures_over_time(columns_of([as_json("c")]))[0] == ()


def test_periods_at_the_ends_of_the_calendar():
    first, last = (one.replace(tzinfo=UTC) for one in (datetime.min, datetime(9999, 12, 31, 23, 59)))
    periods, _ = failures_over_time(columns_of([as_json("a", started=first), as_json("b", started=last)]))
    assert (periods[0].start, periods[-1].end.year) == (first, 9999)
    assert sum(one.runs for one in periods) == 2
