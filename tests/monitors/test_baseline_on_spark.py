"""A baseline that is fitted where the rows are is the one that is fitted here."""

from decimal import Decimal
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mirante.capture.privacy import Privacy
from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline, counted, on_spark
from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.windows import WindowClock
from mirante.sources.spark.files import SparkFiles
from mirante.sources.spark.frames import SparkFrame
from mirante.stats.histograms import choose_edges

FEATURES = (
    "amount",
    "n",
    "opt",
    "plan",
    "id",
    "ok",
    "none",
    "void",
    "day",
    "kind",
    "price",
    "raw",
    "since",
    "big",
)
CLOCK = WindowClock("1d", "America/Sao_Paulo")
HOW = {"clock": CLOCK, "alarm_budget": "1 per 30d", "sample_rows": 500}


class Parts:
    """A table whose parts are looked at one after another, in this process, as workers do it."""

    order = None

    def __init__(self, parts):
        self.parts = parts
        self.types = dict(zip(parts[0].schema.names, parts[0].schema.types, strict=True))
        self.looks = []

    def reduced(self, table, columns, work, known, *merges):
        assert table is self
        self.looks.append(work.__name__)
        found = []
        for place, part in enumerate(self.parts):
            found += list(work(place, iter(part.select(columns).to_batches(max_chunksize=700)), known))
        for merge in merges:
            by_key = {}
            for key, data in reversed(found):  # no order is promised
                by_key.setdefault(key, []).append(data)
            found = []
            for key, several in by_key.items():
                if len(several) > 1:
                    several = [merge(key, several[:-1], known, False)[1], several[-1]]
                found.append(merge(key, several, known, True))
        return found


@pytest.fixture
def parts(monkeypatch):
    def of(rows, count=4):
        table = arrow(rows)
        size = -(-len(rows) // count)
        found = Parts([table.slice(place * size, size) for place in range(count)])
        monkeypatch.setattr(on_spark, "reduce_parts", found.reduced)
        return found

    return of


def arrow(rows):
    """Return what a file has of a data frame."""
    file = BytesIO()
    rows.to_parquet(file, index=False)
    return pq.read_table(file)


def make(rows, seed=0):
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.random(rows) * 5 * 86_400, unit="s")
    found = pd.DataFrame(
        {
            "amount": rng.normal(40, 10, rows),
            "n": rng.integers(0, 30, rows),
            "opt": pd.Series(rng.integers(0, 9, rows)).where(rng.random(rows) < 0.9),
            "plan": rng.choice(list("abc"), rows),
            "id": [f"u{one}" for one in rng.integers(0, 20_000, rows)],
            "ok": rng.random(rows) < 0.5,
            "none": pd.Series([None] * rows, dtype=object),
            "day": at.date,
            "void": pd.Series([None] * rows, dtype="str"),
            "kind": pd.Categorical(rng.choice(["x", "y", "z"], rows)),
            "price": [Decimal(int(one)) / 100 for one in rng.integers(0, 99_999, rows)],
            "raw": [b"a", b"\xff"] * (rows // 2),
            "since": at.tz_localize(None).as_unit("ms"),
            "big": rng.integers(2**60, 2**62, rows),
            "at": at.as_unit("us"),
            "said": rng.random(rows),
            "y": (rng.random(rows) < 0.5).astype(float),
        }
    )
    found.loc[rng.random(rows) < 0.01, "at"] = pd.NaT
    found.loc[5, "amount"] = np.inf
    return found


def here(rows, shape, slices=()):
    frame = rows[shape.columns]
    return ModelBaseline.fit(
        shape.given(frame),
        shape.said(frame),
        None if shape.time is None else frame[shape.time],
        labels=None if shape.label is None else frame[shape.label].to_numpy(),
        slices=slices,
        classes=shape.classes or None,
        **HOW,
    )


def same(one, other):
    """Say that two baselines are the same in all that they judge by."""
    assert one.profile == other.profile
    assert one.profile.layout.digest == other.profile.layout.digest
    assert list(one.drift.own_windows) == list(other.drift.own_windows)
    assert one.drift.own_starts == other.drift.own_starts
    assert dict(one.about) == dict(other.about)
    assert one.task == other.task
    assert dict(one.performance) == dict(other.performance)
    assert one.sample.equals(other.sample)
    assert (one.estimator is None) == (other.estimator is None)
    if one.estimator is not None:
        assert one.estimator.normal == other.estimator.normal
    rows = one.sample.select(list(one.features))
    assert one.outliers.score(rows).tolist() == other.outliers.score(rows).tolist()
    assert one.outliers.calibrate(0.01) == other.outliers.calibrate(0.01)
    if one.slices is not None:
        mine, theirs = ({s.slice.label: s for s in side.slices.slices} for side in (one, other))
        assert mine.keys() == theirs.keys()
        for label, part in mine.items():
            assert part.profile == theirs[label].profile
            assert (part.own, part.starts) == (theirs[label].own, theirs[label].starts)


@pytest.mark.parametrize("drawn", [200_000, 1_000])
def test_all_kinds_of_columns(parts, monkeypatch, drawn):
    monkeypatch.setattr(counted, "FITTED_ROWS", drawn)
    rows = make(4_000)
    shape = BaselineShape(FEATURES, ("said",), "at", "y")
    slices = ["plan", "amount >= 45"]
    table = parts(rows)
    found = on_spark.fit_on_spark(table, shape, slices=slices, **HOW)
    same(found, here(rows, shape, slices))
    assert found.about.get("fitted_rows", 200_000) == drawn
    assert len(found.slices.slices) == 4
    assert table.looks == ["first_look", "later_look", "count_part", "count_part", "draw_part"]


@pytest.mark.parametrize(
    ("column", "task"),
    [
        (lambda rng: rng.integers(0, 3, 900), "class"),
        (lambda rng: rng.integers(0, 3_000, 900), "regression"),
        (lambda rng: pd.Series(rng.integers(0, 2, 900)).where(rng.random(900) < 0.9), "probability"),
        (lambda rng: rng.normal(size=900), "regression"),
        (lambda rng: rng.choice(["yes", "no"], 900), "class"),
        (lambda rng: rng.random(900) < 0.5, "class"),
        (lambda rng: np.full(900, np.nan), "probability"),
    ],
)
def test_what_predictions_are_is_guessed_as_here(parts, column, task):
    rows = make(900).assign(said=column(np.random.default_rng(1)))
    shape = BaselineShape(("amount", "plan"), ("said",))
    found = on_spark.fit_on_spark(parts(rows), shape, **HOW)
    assert found.task == task
    same(found, here(rows, shape))


def test_probabilities_of_classes_and_hidden_columns(parts):
    rows = make(1_200)
    rng = np.random.default_rng(2)
    for name, numbers in zip("xyz", rng.dirichlet([1, 2, 3], 1_200).T, strict=True):
        rows[name] = numbers
    rows["truth"] = rng.choice(list("xyz"), 1_200)
    privacy = Privacy(drop=["n"], hash=["id"], key="0123456789abcdef0123456789abcdef")
    shape = BaselineShape(("amount", "id", "n"), ("x", "y", "z"), None, "truth", ("z", "x", "y"), privacy)
    found = on_spark.fit_on_spark(parts(rows), shape, **HOW)
    assert found.predictions.classes == ("z", "x", "y")
    assert "n" not in found.profile.columns
    same(found, here(rows, shape))


def wide_rows():
    """Return half numbers of all sizes, which make cells wide, and half numbers that lie in one of these."""
    rng = np.random.default_rng(0)
    wide = rng.random(80_000) * 10.0 ** rng.integers(-300, 300, 80_000)
    return pd.DataFrame({"amount": np.r_[wide, 1.0 + np.arange(100_000) * 2.0**-40], "said": 0.5})


def test_edges_that_take_several_looks(parts):
    rows = wide_rows()
    table = parts(rows, 3)
    shape = BaselineShape(("amount",), ("said",))
    like = on_spark._look(table, shape, CLOCK).chosen
    assert table.looks == ["first_look", "later_look", "later_look"]
    assert like.layout.edges[0].tolist() == choose_edges(rows["amount"].to_numpy()).tolist()


def test_what_comes_to_the_driver_does_not_grow_with_the_rows(parts, monkeypatch):
    monkeypatch.setattr(counted, "FITTED_ROWS", 500)
    sizes, shape = [], BaselineShape(("amount", "id"), ("said",))
    for rows in (70_000, 140_000):
        table, came = parts(make(rows)), []

        def counting(*given, table=table, came=came):
            found = table.reduced(*given)
            came.append(sum(len(data) for _, data in found))
            return found

        monkeypatch.setattr(on_spark, "reduce_parts", counting)
        on_spark.fit_on_spark(table, shape, **HOW)
        sizes.append(max(came))
    assert sizes[1] < 2 * 65_536 * 16 + 10_000 * 20, "two columns of cells, and as many levels as are kept"
    assert sizes[1] < 1.5 * sizes[0]


def test_rows_that_no_baseline_is_made_of(parts):
    rows = make(300)
    shape = BaselineShape(("amount",), ("said",))
    with pytest.raises(InputError, match="the baseline has no rows; give the rows of a time"):
        on_spark.fit_on_spark(parts(rows.head(0)), shape, **HOW)
    with pytest.raises(InputError, match="a feature is named 'prediction'"):
        on_spark.fit_on_spark(
            parts(rows.assign(prediction=1.0)), BaselineShape(("prediction",), ("said",)), **HOW
        )
    with pytest.raises(InputError, match="has fewer than 100 rows in the baseline"):
        on_spark.fit_on_spark(parts(rows), shape, slices=["amount >= 70"], **HOW)


@pytest.mark.parametrize("look", ["later_look", "count_part", "draw_part"])
def test_a_table_that_changes_meanwhile_is_refused(parts, monkeypatch, look):
    table = parts(make(3_000))

    def changing(*given):
        if given[2].__name__ == look:
            table.parts = [part.slice(0, 100) for part in table.parts]
        return table.reduced(*given)

    monkeypatch.setattr(on_spark, "reduce_parts", changing)
    shape = BaselineShape(("amount",), ("said",), "at")
    with pytest.raises(InputError, match="the table changed while it was read"):
        on_spark.fit_on_spark(table, shape, **HOW)


@pytest.mark.parametrize("left", [5, 0])
def test_values_that_go_while_edges_are_looked_for_are_a_change(parts, monkeypatch, left):
    table = parts(wide_rows())

    def changing(*given):
        if given[2].__name__ == "later_look":
            table.parts = [part.slice(0, left) for part in table.parts]
        return table.reduced(*given)

    monkeypatch.setattr(on_spark, "reduce_parts", changing)
    with pytest.raises(InputError, match="the table changed while it was read"):
        on_spark.fit_on_spark(table, BaselineShape(("amount",), ("said",)), **HOW)


def test_windows_that_come_late_are_a_change(parts, monkeypatch):
    table, later = parts(make(300)), make(300).assign(at=pd.Timestamp("2026-02-01", tz="UTC").as_unit("us"))

    def changing(*given):
        if given[2].__name__ == "count_part":
            table.parts = [arrow(later)]
        return table.reduced(*given)

    monkeypatch.setattr(on_spark, "reduce_parts", changing)
    with pytest.raises(InputError, match="the table changed while it was read"):
        on_spark.fit_on_spark(table, BaselineShape(("amount",), ("said",), "at"), **HOW)


def test_workers_fit_what_is_fitted_here(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(counted, "FITTED_ROWS", 800)
    rows = make(3_000)
    for place in range(3):
        rows[place * 1_000 : (place + 1) * 1_000].to_parquet(tmp_path / f"{place}.parquet", index=False)
    shape = BaselineShape(("amount", "plan", "day"), ("said",), "at", "y")
    mine = here(rows, shape)
    same(on_spark.fit_on_spark(SparkFiles(spark, tmp_path), shape, **HOW), mine)
    frame = SparkFrame(spark.read.parquet(str(tmp_path)))
    found = on_spark.fit_on_spark(frame, shape, **HOW)
    assert found.profile == mine.profile
    assert list(found.drift.own_windows) == list(mine.drift.own_windows)
    learnt = {"reliability"}
    assert {k: v for k, v in found.about.items() if k not in learnt} == {
        k: v for k, v in mine.about.items() if k not in learnt
    }
    drawn = on_spark.drawn_on_spark(frame, ["amount"], 100)
    assert set(drawn["amount"].to_pylist()) < set(rows["amount"])
    assert drawn.num_rows == 100
    assert (
        on_spark.drawn_on_spark(SparkFiles(spark, tmp_path), ["n", "amount"])
        .to_pandas()
        .equals(rows[["n", "amount"]])
    )
