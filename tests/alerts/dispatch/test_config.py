"""The config of routes, inhibitions, mute times and flapping: what is read, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from pydantic import ValidationError

from mirante.alerts.config import AlertsConfig, build_dispatch, build_routes
from mirante.alerts.dispatch.inhibition import BUILT_IN
from mirante.alerts.routing import EACH_ALONE
from tests.house.source import ROOT


def config(text: str) -> AlertsConfig:
    return AlertsConfig.model_validate(yaml.safe_load(text))


CHANNELS = "channels: {chat: {type: console}, mail: {type: console}}\n"


def test_the_example_of_the_documentation_is_read() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = (part for part in page.split("```yaml\n")[1:] if "mute_times:" in part.split("```")[0])
    alerts = yaml.safe_load(example.split("```")[0])["alerts"]
    read = AlertsConfig.model_validate({**alerts, **yaml.safe_load(CHANNELS)})
    root = build_routes(read)
    (chat,) = root.destinations({"severity": "info"})
    assert (chat.policy.group_by, chat.policy.mute_times) == (("rule", "model"), ("nights",))
    mail, chat = root.destinations({"severity": "critical"})
    assert (mail.channel, mail.policy.group_wait, mail.policy.mute_times) == (
        "mail",
        timedelta(seconds=10),
        (),
    )
    holds, flapping = build_dispatch(read)
    assert set(holds.mute_times) == {"nights"}
    names = [inhibition.name for inhibition in holds.inhibitions]
    assert "silent_model" not in names
    assert names[-1] == "deploy"
    assert flapping is not None
    assert flapping.within == timedelta(hours=2)


def test_without_a_word_everything_has_its_default() -> None:
    holds, flapping = build_dispatch(config(CHANNELS))
    assert holds.inhibitions == BUILT_IN
    assert flapping is not None
    assert (flapping.changes, flapping.within) == (4, timedelta(hours=1))
    (first, _second) = build_routes(config(CHANNELS)).destinations({})
    assert first.policy.group_wait == timedelta(seconds=30)


def test_switches() -> None:
    assert build_dispatch(config("flapping: false"))[1] is None
    assert build_dispatch(config("flapping: true"))[1] is not None
    alone = build_routes(config(CHANNELS + "routes: {group_by: ['...']}"))
    assert alone.destinations({})[0].policy.group_by == EACH_ALONE


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("routes: {group_wait: 30}", "needs a number and a unit"),
        ("routes: {repeat_interval: 0s}", "longer than nothing"),
        ("routes: {reminders: -1}", "greater than or equal to 0"),
        ("routes: {group_by: ['...', rule]}", "write it alone"),
        ("routes: {mute_times: [nights]}", "there are these in mute_times: none"),
        ("routes: {routes: [{mute_times: [nights]}]}", "mute time 'nights'"),
        ("mute_times: {nights: [{zone: Brazil}]}", "no time zone"),
        ("mute_times: {nights: [{zone: ../etc/passwd}]}", "no time zone"),
        ("mute_times: {nights: [{}]}", "would mute for ever"),
        ("mute_times: {nights: [{times: ['9-17']}]}", "no span of time"),
        ("mute_times: {nights: [{weekdays: [someday]}]}", "day of the week"),
        ("inhibit: [{source: {a: b}}]", "needs both 'source' and 'target'"),
        ("inhibit: [{name: x, enabled: false}]", "silent_host"),
        ("inhibit: [{source: {a: '~('}, target: {a: b}}]", "no regular expression"),
        ("flapping: {changes: 1}", "greater than or equal to 2"),
    ],
)
def test_what_is_wrong_is_said(text: str, error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        config(text)
