"""The short sentences of slices, in every locale: what moved, where, by how much, and how many rows it is."""

from dataclasses import replace

import numpy as np
import pytest

from mirante.drift.explain import SliceFinding, explain
from mirante.drift.explain.words import change_text, slice_note

FOUND = SliceFinding(
    column="delay",
    aspect="values",
    kind="inside",
    by="carrier",
    slice="carrier = EV",
    level="EV",
    low=None,
    high=None,
    measure="KS",
    inside=0.6,
    outside=0.01,
    direction="",
    figure="median",
    before=2.0,
    after=31.5,
    n_inside=1_204,
    n_outside=3_796,
    baseline_inside=600,
    baseline_outside=4_400,
    share_before=0.12,
    share_after=0.2408,
    p_value=1e-9,
    without=(),
    sentence="",
)
LEVELS = {"measure": "total variation", "figure": "UA", "before": 0.184, "after": 0.26}
MISSING = {"aspect": "missing", "measure": "share", "figure": "missing", "before": 0.02, "after": 0.4}


def note(locale="en", looked=5_000, **changes):
    return slice_note(replace(FOUND, **changes), rows=5_000, looked=looked, locale=locale)


@pytest.mark.parametrize(
    ("changes", "en", "pt"),
    [
        (
            {},
            "delay moved mainly where carrier = EV: median 2 -> 31.5 there (1,204 rows), hardly elsewhere.",
            "delay mudou principalmente onde carrier = EV: mediana 2 -> 31,5 ali (1.204 linhas), e quase "
            "nada fora dali.",
        ),
        (
            {"outside": 0.2},
            "delay moved mainly where carrier = EV: median 2 -> 31.5 there (1,204 rows), less elsewhere.",
            "delay mudou principalmente onde carrier = EV: mediana 2 -> 31,5 ali (1.204 linhas), e menos "
            "fora dali.",
        ),
        (
            {"without": ("carrier = MQ",), **LEVELS},
            "delay also moved where carrier = EV: UA: 18 % -> 26 % there (1,204 rows).",
            "delay também mudou onde carrier = EV: UA: 18 % -> 26 % ali (1.204 linhas).",
        ),
        (
            {"kind": "mix", "figure": "90th percentile", "before": 1_000.0, "after": 1_204.0},
            "delay moved mainly because the mix of carrier did (carrier = EV: 12 % -> 24 % of the rows): "
            "90th percentile 1,000 -> 1,204.",
            "delay mudou principalmente porque a composição de carrier mudou (carrier = EV: 12 % -> 24 % das "
            "linhas): percentil 90 1.000 -> 1.204.",
        ),
        (
            MISSING,
            "delay: missing values changed mainly where carrier = EV: 2.0 % -> 40 % there (1,204 rows), "
            "hardly elsewhere.",
            "delay: os valores ausentes mudaram principalmente onde carrier = EV: 2,0 % -> 40 % ali (1.204 "
            "linhas), e quase nada fora dali.",
        ),
        (
            {"without": ("carrier = MQ",), **MISSING},
            "delay: missing values also changed where carrier = EV: 2.0 % -> 40 % there (1,204 rows).",
            "delay: os valores ausentes também mudaram onde carrier = EV: 2,0 % -> 40 % ali (1.204 linhas).",
        ),
        (
            {"kind": "mix", **MISSING},
            "delay: missing values changed mainly because the mix of carrier did (carrier = EV: 12 % -> 24 % "
            "of the rows): 2.0 % -> 40 %.",
            "delay: os valores ausentes mudaram principalmente porque a composição de carrier mudou (carrier "
            "= EV: 12 % -> 24 % das linhas): 2,0 % -> 40 %.",
        ),
    ],
)
def test_each_kind_of_finding_is_one_sentence(changes, en, pt):
    assert note(**changes) == en
    assert note("pt_BR", **changes) == pt


@pytest.mark.parametrize(
    ("cut", "en", "pt"),
    [
        ({"low": 0.5, "high": 1_234.0}, "0.5 < h <= 1234", "0,5 < h <= 1234"),
        ({"low": 6.5}, "h > 6.5", "h > 6,5"),
        ({"high": 6.5}, "h <= 6.5", "h <= 6,5"),
        ({"slice": "h missing"}, "h is missing", "h está ausente"),
        ({"slice": "h present"}, "h is not missing", "h não está ausente"),
        ({"slice": "h = a new level"}, "h = a new level", "h = um nível novo"),
        ({"slice": "h = any other level"}, "h = any other level", "h = qualquer outro nível"),
        ({"slice": "h = a new level", "level": "a new level"}, "h = a new level", "h = a new level"),
        ({"level": ""}, "h = ", "h = "),
    ],
)
def test_a_slice_is_a_condition_in_the_locale(cut, en, pt):
    changes = {"by": "h", "level": None, "slice": "", **cut}
    assert f" where {en}: " in note(**changes)
    assert f" onde {pt}: " in note("pt_BR", **changes)


def test_rows_that_were_not_all_looked_at_are_an_estimate():
    assert "(about 1,200 rows)" in note(looked=500)
    assert "(cerca de 1.200 linhas)" in note("pt_BR", looked=500)
    assert "(about 50 rows)" in note(looked=500, share_after=0.0099)


def test_long_names_are_cut_so_that_the_figures_stay_in_sight():
    long = "n" * 400
    said = note(column=long, by=long, level=long, **LEVELS | {"figure": long})
    assert len(said) < 350
    assert said.count("n" * 59 + "…") == 4
    assert said.endswith("18 % -> 26 % there (1,204 rows), hardly elsewhere.")


def test_where_the_median_stays_the_quantile_that_moved_is_told():
    rng = np.random.default_rng(3)
    shop = rng.choice(["a", "b", "c"], 6_000)
    wait = np.where(rng.random(6_000) < 0.7, 0.0, rng.exponential(5.0, 6_000))
    later = np.where(shop == "b", wait * 6.0, wait)
    (one,) = explain({"shop": shop, "wait": wait}, {"shop": shop, "wait": later}).slices
    assert (one.slice, one.figure) == ("shop = b", "90th percentile")
    assert one.after > 3 * one.before > 0
    assert one.direction == change_text(one)
    assert one.direction.startswith("90th percentile ")


def test_the_figure_of_categories_and_missing_values_is_a_share():
    shop, kind = np.repeat(["a", "b"], 2_000), np.tile(["u", "v"], 2_000)
    moved = np.where((shop == "a") & (np.arange(4_000) % 4 == 0), "v", kind)
    (one,) = explain({"shop": shop, "kind": kind}, {"shop": shop, "kind": moved}).slices
    assert (one.figure, one.before, one.after) == ("u", 0.5, 0.25)
    assert one.direction == "u: 50 % -> 25 %"
