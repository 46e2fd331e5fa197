"""The comparison of estimates puts both sides into one table, and its bars are bars."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from benchmarks.estimated import simulated
from benchmarks.estimated.cases import CASES
from benchmarks.estimated.tables import as_markdown, rows_of


def side(value, seconds, **more):
    parts = {"value": value, "lower": [0.8] * len(value), "upper": [0.95] * len(value)}
    parts["beyond"] = [1.0] + [0.0] * (len(value) - 1)
    return {"seconds": seconds, "found": {"accuracy": parts}, **more}


def test_a_row_for_each_measure():
    ours = side([0.9, 0.7], 0.1, truth={"accuracy": [0.9, float("nan")]})
    (row,) = rows_of("data", ours, side([0.85, 0.7], 1.0))
    assert (row.chunks, row.error, row.inside, row.beyond) == (1, 0.0, 1, 1)
    assert row.their_error == pytest.approx(0.05)
    assert row.met
    assert (
        "| data | accuracy | 1 | 0.00000 / 0.05000 | -5.0e-02 to -5.0e-02 "
        "| 1 / 1 | 1 / 1 | 0.100 / 1.00 | 0.10 | met |" in as_markdown([row], "a peer")
    )


def test_bars():
    truth = {"accuracy": [0.9, 0.9]}
    theirs = side([0.85, 0.85], 1.0)
    (slow,) = rows_of("data", side([0.9, 0.9], 0.3, truth=truth), theirs)
    (worse,) = rows_of("data", side([0.8, 0.8], 0.1, truth=truth), theirs)
    assert not slow.met
    assert not worse.met
    with pytest.raises(ValueError, match="2 chunks and Mirante 1"):
        rows_of("data", side([0.9], 0.1, truth={"accuracy": [0.9]}), theirs)


def test_an_error_that_chance_explains_is_no_miss_and_said():
    truth = {"accuracy": [0.9] * 8}
    theirs = side([0.80, 0.80, 0.80, 0.80, 0.80, 0.80, 0.80, 0.80], 1.0)
    mixed = side([0.79, 0.81, 0.78, 0.82, 0.79, 0.81, 0.79, 0.80], 0.1, truth=truth)
    steady = side([0.79, 0.79, 0.78, 0.79, 0.78, 0.79, 0.79, 0.78], 0.1, truth=truth)
    (chance,), (worse,) = rows_of("data", mixed, theirs), rows_of("data", steady, theirs)
    assert chance.error > chance.their_error
    assert chance.low < 0 < chance.high
    assert chance.verdict == "met (not told apart)"
    assert 0 < worse.low < worse.error - worse.their_error < worse.high
    assert worse.verdict == "MISSED"


def test_the_simulated_chances_are_those_of_its_labels(tmp_path):
    simulated.write(tmp_path)
    target = pd.read_csv(tmp_path / "simulated_target.csv")
    analysis = pd.read_csv(tmp_path / "simulated_analysis.csv")
    assert len(analysis) % CASES["simulated"].chunks["chunk_size"] == 0
    spread = np.sqrt(np.sum(target["chance"] * (1 - target["chance"])))
    assert abs(np.sum(target["label"] - target["chance"])) < 4 * spread
    assert np.corrcoef(analysis["score"], target["chance"])[0, 1] > 0.9


def test_it_tells_its_options():
    command = [sys.executable, "-m", "benchmarks.estimated", "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "car price" in done.stdout
    assert set(CASES) == {"car loan", "California housing", "credit card", "car price", "simulated"}
