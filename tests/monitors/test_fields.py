"""Values that entries of the config share."""

import pytest
from pydantic import TypeAdapter, ValidationError

from mirante.errors import ConfigError
from mirante.monitors.fields import Budget, Kind, TimeZone, WindowLength


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "said"),
    [
        (WindowLength, "15m", "7h", "does not fit into days"),
        (WindowLength, "1d", 60, "needs a number and a unit"),
        (TimeZone, "America/Sao_Paulo", "Mars", "the time zone 'Mars' is unknown"),
        (Budget, "1 per 30d", "never", "never"),
        (Kind, "sliding 7", "last", "is no kind of baseline"),
    ],
)
def test_right_values_stay_and_wrong_ones_say_what_is_needed(kind, right, wrong, said):
    adapter = TypeAdapter(kind)
    assert adapter.validate_python(right) == right
    with pytest.raises((ConfigError, ValidationError), match=said):
        adapter.validate_python(wrong)
