"""The strangest rows come first, with the columns that make them so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mirante.errors import InputError
from mirante.outliers.explaining import explain_rows, strangest
from mirante.outliers.models import Model, fit_model
from mirante.outliers.rows import Rows


def _table(seed: int, rows: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "delay": rng.lognormal(size=rows),
            "distance": rng.normal(1_000, 100, rows),
            "carrier": rng.choice(["UA", "AA", "B6"], rows, p=[0.5, 0.3, 0.2]),
            "zeros": np.where(rng.random(rows) < 0.6, 0.0, rng.normal(size=rows)),
        }
    )


_MODELS = [fit_model(method, _table(0), 0)[0] for method in ("isolation_forest", "robust_z", "both")]
_STRANGE = {"delay": 500.0, "distance": 4_000.0, "carrier": "ZZ", "zeros": -30.0}


def test_strangest_are_flagged_lowest_first_and_the_first_of_equals() -> None:
    scores = np.array([-0.9, -0.5, -0.7, -0.7, -0.4])
    flagged = np.array([False, True, True, True, True])
    assert strangest(scores, flagged, 3).tolist() == [2, 3, 1]
    assert strangest(scores, flagged, 0).tolist() == []
    assert strangest(scores, np.zeros(5, bool), 3).tolist() == []


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("column", _STRANGE)
def test_the_strange_column_comes_first_with_its_value(model: Model, column: str) -> None:
    # robust z knows a new level as what one in 3,000 would be, so the rest of the row must be ordinary
    usual = {"delay": 1.0, "distance": 1_000.0, "carrier": "UA", "zeros": 0.0}
    rows = Rows.of(pd.DataFrame([usual, usual | {column: _STRANGE[column]}]))
    (found,) = explain_rows(model, rows, np.array([1]), 3)
    assert found.position == 1
    assert (found.reasons[0].column, found.reasons[0].value) == (column, _STRANGE[column])
    assert found.score == model.measure(rows)[0][1]


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: type(model).__name__)
def test_two_strange_columns_are_both_named(model: Model) -> None:
    rows = Rows.of(_table(1, 20).assign(delay=300.0, distance=3_000.0))
    found = explain_rows(model, rows, np.arange(20), 3)
    both = [{"delay", "distance"} <= {reason.column for reason in row.reasons} for row in found]
    assert np.mean(both) >= 0.95


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: type(model).__name__)
def test_reasons_are_ordered_above_zero_and_at_most_as_many_as_asked(model: Model) -> None:
    rows = Rows.of(_table(2, 50))
    for columns in (0, 1, 2, 9):
        for found in explain_rows(model, rows, np.arange(50), columns):
            parts = [reason.contribution for reason in found.reasons]
            assert parts == sorted(parts, reverse=True)
            assert len(parts) <= columns
            assert all(part > 0 for part in parts)


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: type(model).__name__)
def test_a_row_is_explained_alike_in_any_company(model: Model) -> None:
    rows = Rows.of(_table(3, 30))
    together = explain_rows(model, rows, np.arange(30), 3)
    for place in (0, 7, 29):
        assert explain_rows(model, rows, np.array([place]), 3) == (together[place],)


def test_a_missing_value_is_shown_as_none() -> None:
    rows = Rows.of(_table(1, 3).assign(distance=[None, 5_000.0, None], carrier=["UA", None, None]))
    found = explain_rows(_MODELS[1], rows, np.array([1]), 4)[0]
    assert found.reasons[0].column == "distance"
    assert "carrier" not in {reason.column for reason in found.reasons}
    shown = explain_rows(_MODELS[0], rows, np.arange(3), 4)
    assert {reason.value for row in shown for reason in row.reasons if reason.column == "carrier"} <= {
        None,
        "UA",
    }


def test_no_positions_no_rows() -> None:
    assert explain_rows(_MODELS[0], Rows.of(_table(1, 3)), np.empty(0, np.intp), 3) == ()


@pytest.mark.parametrize("position", [-1, 3])
def test_a_row_that_is_not_there_is_named(position: int) -> None:
    with pytest.raises(InputError, match=f"there is no row {position}; the data has rows 0 to 2"):
        explain_rows(_MODELS[0], Rows.of(_table(1, 3)), np.array([0, position]), 3)
