"""The comparison of what recording a row costs: both halves of the bar count, and no row is lost."""

import numpy as np
import pytest
from benchmarks.recorder import OURS, ROWS, _check, _show

from benchmarks import recorder
from mirante.capture.recorder import Recorder


@pytest.mark.parametrize(("median", "p99", "met"), [(1.4, 4.9, True), (1.6, 4.9, False), (1.4, 5.1, False)])
def test_the_bar_is_of_the_median_and_of_p99(median, p99, met, capsys):
    found = {name: [np.full(1_000, 300.0)] for name in ROWS}
    found[OURS] = [np.append(np.full(900, median), np.full(100, p99))]
    assert _show(found) is met
    assert ("MISSED" in capsys.readouterr().out) is not met


def test_four_threads_lose_nothing(monkeypatch):
    monkeypatch.setattr(recorder, "CALLS", 2_000)
    assert len(recorder.four_threads()) == 2_000


def test_rows_that_are_lost_end_it(tmp_path):
    with Recorder("m", tmp_path) as kept:
        kept.log({"x": 1.0}, 0.5)
        with pytest.raises(SystemExit, match="recorded 1 of 2 rows, dropped 0"):
            _check(kept, 2)
