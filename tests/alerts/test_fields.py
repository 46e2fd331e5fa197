"""Labels and lengths of time in the config: what is wrong with them is said, and nothing secret shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import Field, ValidationError

from mirante.alerts.fields import Duration, Match, Strict


class Sample(Strict):
    match: Match = Field(default_factory=dict)
    wait: Duration = timedelta()


@pytest.mark.parametrize(("given", "meant"), [("1h30m", 90), ("0", 0), (0, 0), (timedelta(minutes=5), 5)])
def test_a_length_of_time_has_a_unit(given, meant):
    assert Sample(wait=given).wait == timedelta(minutes=meant)


@pytest.mark.parametrize("given", [90, True, 1.5, None, "1:30"])
def test_a_number_without_a_unit_is_refused(given):
    with pytest.raises(ValidationError, match=r"unit|length of time"):
        Sample(wait=given)


def test_a_matcher_that_is_wrong_is_named():
    assert Sample(match={"host": "~web-[0-9]+"}).match == {"host": "~web-[0-9]+"}
    with pytest.raises(ValidationError, match="no regular expression"):
        Sample(match={"host": "~["})
    with pytest.raises(ValidationError, match="valid string"):
        Sample(match={"host": 1})


def test_an_unknown_key_is_refused_without_its_value():
    with pytest.raises(ValidationError, match="wayt") as caught:
        Sample(wayt="hunter2")
    assert "hunter2" not in str(caught.value)
