from datetime import UTC, datetime

from mirante.store import WindowRow
from mirante.views.verdicts import column_verdicts, drifted_columns, missing_columns, performance_of

START = datetime(2013, 2, 8, tzinfo=UTC)


def window(**verdicts: object) -> WindowRow:
    return WindowRow("model/m@a", "1", START, START, verdicts=verdicts)


def test_columns_come_strongest_first():
    columns = {
        "weak": {"drifted": True, "effect": 0.1, "missing_detected": True, "missing_ratio": 0.2},
        "strong": {"drifted": True, "effect": 0.4, "missing_detected": True, "missing_ratio": 0.6},
        "unknown": {"drifted": True, "effect": None},
        "calm": {"drifted": False, "effect": 0.9, "missing_detected": False},
    }
    row = window(columns=columns, performance={"accuracy": 0.8})
    assert [name for name, _ in drifted_columns(row)] == ["strong", "weak", "unknown"]
    assert missing_columns(row) == ["strong", "weak"]
    assert performance_of(row) == {"accuracy": 0.8}


def test_a_window_that_was_not_judged_says_nothing():
    for row in (window(), window(columns=None, performance=None), window(columns="x", performance=[1])):
        assert (column_verdicts(row), drifted_columns(row), missing_columns(row), performance_of(row)) == (
            {},
            [],
            [],
            {},
        )
