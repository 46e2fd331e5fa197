"""The result is a mapping that cannot be changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from mirante.outliers.result import OutlierReason, OutlierResult, OutlierRow, OutlierVerdict

_RESULT = OutlierResult(np.array([1]), np.array([-0.7]), 1, 2, 0.5, 0, np.array([-0.4, -0.7]))


def test_fields_are_keys() -> None:
    assert isinstance(_RESULT, Mapping)
    assert set(_RESULT) >= {"outlier_indices", "outlier_scores", "total_outliers"}
    assert len(_RESULT) == 7
    assert _RESULT["total_outliers"] == _RESULT.total_outliers == 1
    assert dict(**_RESULT)["ratio"] == 0.5
    assert "rows" in _RESULT
    assert _RESULT.get("absent") is None


@pytest.mark.parametrize("key", ["absent", "get", "__class__", 3])
def test_other_keys_are_no_keys(key: str) -> None:
    with pytest.raises(KeyError):
        _RESULT[key]


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        _RESULT.rows = 3  # type: ignore[misc]  # wrong on purpose


def test_rows_and_verdicts_cannot_be_changed_either() -> None:
    row = OutlierRow(3, -0.8, (OutlierReason("delay", 99.0, 0.4),), "robust_z")
    verdict = OutlierVerdict(5, 1, 0.2, -0.6, np.array([False] * 5), (row,))
    for thing in (row, row.reasons[0], verdict):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, dataclasses.fields(thing)[0].name, None)
    assert row == OutlierRow(3, -0.8, (OutlierReason("delay", 99.0, 0.4),), "robust_z")
