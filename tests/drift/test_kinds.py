"""Kinds of baseline as people write them, and seasons."""

from datetime import datetime

import pytest

from mirante.drift.kinds import BaselineKind, season_of
from mirante.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "name", "last"),
    [
        ("fixed", "fixed", 0),
        (" sliding ", "sliding", 14),
        ("sliding 7", "sliding", 7),
        ("seasonal", "seasonal", 4),
        ("seasonal 12", "seasonal", 12),
        ("previous", "previous", 1),
    ],
)
def test_what_can_be_written(text, name, last):
    assert BaselineKind.parse(text) == BaselineKind(name, last)


@pytest.mark.parametrize(
    "text", ["", "fixed 3", "previous 2", "sliding 0", "sliding -1", "weekly", "sliding x"]
)
def test_anything_else_names_what_can(text):
    with pytest.raises(ConfigError, match="write fixed, sliding"):
        BaselineKind.parse(text)


def test_seasons_are_weekdays_and_parts_of_them():
    monday, friday = datetime(2013, 2, 4, 7), datetime(2013, 2, 8, 23)
    assert season_of(monday, "1d") == season_of(monday, "7d") == 0
    assert season_of(friday, "1d") == 4
    assert (season_of(monday, "1h"), season_of(friday, "15m")) == (1, 19)
