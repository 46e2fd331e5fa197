"""The routing tree, by Alertmanager's rules."""

from __future__ import annotations

from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import Route


def test_the_tree() -> None:
    root = Route(
        ("default",),
        routes=(
            Route(("a",), Matchers.of({"team": "a"}), (Route((), Matchers.of({"severity": "info"})),)),
            Route(("log",), Matchers.of({"severity": "~.+"}), proceed=True),
            Route(("page", "log"), Matchers.of({"severity": "critical"})),
            Route(("never",), Matchers.of({"team": "a"})),
        ),
    )
    assert root.channels_for({}) == ("default",)
    assert root.channels_for({"team": "a"}) == ("a",)
    assert root.channels_for({"team": "a", "severity": "info"}) == ("a",)  # inherited
    assert root.channels_for({"severity": "critical"}) == ("log", "page")  # each once
    assert root.channels_for({"severity": "info"}) == ("log",)
    assert root.all_channels() == {"default", "a", "log", "page", "never"}
    assert Route().channels_for({}) == ()
