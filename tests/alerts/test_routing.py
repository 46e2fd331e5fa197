"""The routing tree, by Alertmanager's rules."""

from __future__ import annotations

from datetime import timedelta

from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import EACH_ALONE, Pace, Policy, Route


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


def test_what_a_route_does_not_say_is_as_in_the_route_around_it() -> None:
    minute = timedelta(minutes=1)
    inner = Route(
        (),
        Matchers.of({"severity": "critical"}),
        (Route(("page",), Matchers.of({"team": "a"}), pace=Pace(group_by=(), reminders=0)),),
        pace=Pace(group_wait=timedelta()),
    )
    root = Route(("mail",), routes=(inner,), pace=Pace(repeat_interval=minute, mute_times=("nights",)))
    (plain,) = root.destinations({})
    assert (plain.route, plain.policy) == ("", Policy(repeat_interval=minute, mute_times=("nights",)))
    (paged,) = root.destinations({"severity": "critical", "team": "a"})
    assert (paged.channel, paged.route) == ("page", "severity=critical / team=a")
    assert paged.policy == Policy((), timedelta(), timedelta(minutes=5), minute, 0, True, ("nights",))
    assert root.all_mute_times() == {"nights"}


def test_a_channel_that_two_routes_name_has_the_first_ones_policy() -> None:
    routes = (
        Route(("chat",), Matchers.of({"team": "a"}), proceed=True, pace=Pace(reminders=1)),
        Route(("chat",), Matchers.of({"severity": "info"}), pace=Pace(reminders=2)),
    )
    (place,) = Route(routes=routes).destinations({"team": "a", "severity": "info"})
    assert (place.route, place.policy.reminders) == ("team=a", 1)


def test_the_labels_of_a_group() -> None:
    labels = {"rule": "busy", "severity": "info", "host": "a"}
    assert Policy(group_by=()).group_labels(labels) == {}
    assert Policy(group_by=("host", "model")).group_labels(labels) == {"host": "a"}
    assert Policy(group_by=EACH_ALONE).group_labels(labels) == labels
