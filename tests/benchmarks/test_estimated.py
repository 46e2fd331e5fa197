"""The comparison of estimates puts both sides into one table, and its bars are bars."""

import subprocess
import sys

import pytest
from benchmarks.estimated.cases import CASES
from benchmarks.estimated.tables import as_markdown, rows_of


def side(value, seconds, **more):
    parts = {"value": value, "lower": [0.8, 0.8], "upper": [0.95, 0.95], "beyond": [1.0, 0.0]}
    return {"seconds": seconds, "found": {"accuracy": parts}, **more}


def test_a_row_for_each_measure():
    ours = side([0.9, 0.7], 0.1, truth={"accuracy": [0.9, float("nan")]})
    (row,) = rows_of("data", ours, side([0.85, 0.7], 1.0))
    assert (row.chunks, row.error, row.inside, row.beyond) == (1, 0.0, 1, 1)
    assert row.their_error == pytest.approx(0.05)
    assert row.met
    assert (
        "| data | accuracy | 1 | 0.00000 / 0.05000 | 1 / 1 | 1 / 1 | 0.100 / 1.00 | 0.10 | met |"
        in as_markdown([row], "a peer")
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


def test_it_tells_its_options():
    command = [sys.executable, "-m", "benchmarks.estimated", "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "car price" in done.stdout
    assert set(CASES) == {"car loan", "California housing", "credit card", "car price"}
