import pytest
from pydantic import ValidationError

from mirante.app.settings import Settings
from mirante.sources.traces import TracesConfig


def test_discovery_watches_the_traces_of_all_experiments_unless_some_are_named():
    assert Settings(discover=True).watched_traces.include == ("*",)
    assert Settings(discover=True, traces={"include": ["a"]}).watched_traces.include == ("a",)
    assert Settings().watched_traces.include == ()


@pytest.mark.parametrize(
    "bad",
    [
        {"window": "7m"},
        {"window": "2d"},
        {"window": "500ms"},
        {"interval": "0s"},
        {"include": [""]},
        {"reference_windows": 7},
        {"alarm_budget": "often"},
        {"effect_floor": 0},
        {"other": 1},
    ],
)
def test_what_is_wrong_is_refused(bad):
    with pytest.raises(ValidationError):
        TracesConfig(**bad)
