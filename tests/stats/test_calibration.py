"""The budget becomes a level."""

from datetime import timedelta

import pytest

from mirante.errors import ConfigError
from mirante.stats.calibration import LARGEST_LEVEL, alarm_level


@pytest.mark.parametrize(
    ("budget", "window", "level"),
    [
        ("1 per 30d", "1d", 1 / 30),
        ("1 per 30d", "1h", 1 / 720),
        ("2 per 1w", timedelta(hours=1), 2 / 168),
        ("0.5 per 30d", "1d", 1 / 60),
        ("1 in 100 windows", "1d", 0.01),
        ("1 per 1d", "1d", LARGEST_LEVEL),
    ],
)
def test_level_of_a_window(budget, window, level):
    assert alarm_level(budget, window) == pytest.approx(level)


@pytest.mark.parametrize(
    "budget", ["", "often", "0 per 30d", "1 per 0s", "1 in 0 windows", "-1 per 30d", "1 per 30"]
)
def test_what_is_no_budget(budget):
    with pytest.raises(ConfigError):
        alarm_level(budget, "1d")
