"""Tables for notebooks, and that what people look at shows itself as one, with every text escaped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mirante.alerts.manager import Evaluation, Failure, Sent
from mirante.drift.detector import DriftDetector
from mirante.drift.monitor import DriftMonitor
from mirante.notebook import html_result, html_table
from mirante.outliers.detector import OutlierDetector
from mirante.outliers.result import OutlierReason, OutlierRow, OutlierVerdict
from mirante.profiles import TableProfile
from mirante.views.report.experiment import RunRow
from tests.views.made_runs import summed_up

EVIL = '<img src=x onerror="alert(1)">'
RNG = np.random.default_rng(7)
FRAME = pd.DataFrame({EVIL: RNG.normal(size=400), "b": RNG.choice(["x", EVIL], 400)})


def test_long_tables_are_cut_and_say_so():
    table = html_table(["n"], [[str(n)] for n in range(1_000)], most=10)
    assert table.count("<tr>") == 11
    assert "… and 990 more" in table
    assert html_table(["n"], []) == ""
    assert html_result(EVIL, "").count("<img") == 0


def monitor_verdict():
    baseline = TableProfile.of(FRAME)
    return DriftMonitor(baseline).update(
        TableProfile.of(FRAME.assign(**{EVIL: FRAME[EVIL] + 3}), like=baseline)
    )


RESULTS = {
    "drift of a table": lambda: DriftDetector(FRAME, log=False).detect_drift(FRAME),
    "drift of numbers": lambda: DriftDetector(FRAME[EVIL], log=False).detect_drift(FRAME[EVIL] + 1),
    "drift of texts": lambda: DriftDetector(FRAME["b"], log=False).detect_drift(["x", EVIL, EVIL]),
    "a window": monitor_verdict,
    "outliers": lambda: OutlierDetector(log=False).fit(FRAME[[EVIL]]).detect_outliers(FRAME[[EVIL]]),
    "outliers of a window": lambda: OutlierVerdict(
        5,
        1,
        0.2,
        -0.6,
        np.array([True] + [False] * 4),
        (
            OutlierRow(
                0, -0.8, (OutlierReason(EVIL, EVIL * 9, 0.4), OutlierReason("n", None, 0.1)), "robust_z"
            ),
        ),
    ),
    "an evaluation": lambda: Evaluation(
        (Sent(EVIL, "slack", "firing"),),
        (Failure("b", "email", "firing", EVIL, True),),
        (EVIL, "old"),
        {"c": EVIL},
        {"d": EVIL},
    ),
    "a report": lambda: summed_up(
        [RunRow(f"r{n}", EVIL, "FINISHED", None, None, {EVIL: 0.1 * n}, {}) for n in range(3)], EVIL
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_show_themselves_and_escape_every_text(name: str):
    page = RESULTS[name]()._repr_html_()
    assert page.startswith("<div><p>")
    assert "<table>" in page
    assert "<img" not in page
    assert "nan" not in page.lower()


def test_what_a_result_says():
    found = DriftDetector(FRAME[EVIL], log=False).detect_drift(FRAME[EVIL] + 1)
    assert "Drift: p = " in found._repr_html_()
    assert "<td>baseline</td>" in found._repr_html_()
    assert "1 of 2 columns drifted in 400 rows." in monitor_verdict()._repr_html_()
    page = RESULTS["an evaluation"]()._repr_html_()
    assert "2 rules fire, 1 notices sent, 1 failed." in page
    assert "<td>old</td><td>firing</td><td>told before</td>" in page
