"""Verdicts: frozen, and ready for JSON."""

import dataclasses
import json

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile


def test_a_verdict_is_frozen_and_becomes_json():
    base = TableProfile.of({"x": np.arange(500.0), "c": ["a", "b"] * 250})
    verdict = DriftMonitor(base).update(
        TableProfile.of({"x": np.arange(500.0) + 300, "c": ["a"] * 500}, like=base)
    )
    again = json.loads(json.dumps(verdict.to_dict()))
    assert again["columns"]["x"]["drifted"] is True
    assert again["columns"]["c"]["scores"]["chi2"] > 100
    assert verdict.drifted_columns == ("x", "c")
    assert verdict.missing_columns == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.rows = 3
