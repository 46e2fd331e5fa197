"""The pages of rules: how each stands, why one cannot fire, what it sees, and when it would have fired."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.alerts.past import Firing
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule, load_rules
from mirante.errors import ConfigError
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.kept import Kept
from mirante.web.pages import UnknownPageError, rule_page, rules_page
from mirante.web.pages import rule as module
from mirante.web.pages.strip import strip
from mirante.web.ruling import Ruling
from tests.web.conftest import HOSTILE, NOW, Client
from tests.web.test_pages import Reader, ask

MINUTE = timedelta(minutes=1)
RULES = (
    Rule("busy", "system_cpu_percent > 90", for_=2 * MINUTE, severity="critical", summary="CPU {{ $value }}"),
    Rule("typo", "system_cpu_percnt > 90"),
    Rule("no_labels", "performance_accuracy < 0.5 and performance_labels > 9"),
    Rule("elsewhere", "system_cpu_percent > 1", where={"host": "~db.*"}),
    Rule("silent", "source_up == 0"),
    Rule("gone", "absent(system_load1)", where={"host": "web-1"}),
    Rule(HOSTILE[0], "drift_share > 0.9", summary=HOSTILE[5], labels={"team": HOSTILE[3]}),
    Rule(HOSTILE[4], "drift_share > 0.95"),
)


@pytest.fixture
def filled(empty_store: Store) -> Store:
    """A host whose CPU was over the limit twice in the last days, and is again."""
    over = [*range(100, 110), *range(4000, 4020), *range(9990, 10_000)]
    empty_store.readings.write(
        Reading(
            "system_cpu_percent", 97.5 if m in over else 20.0, NOW - (9999 - m) * MINUTE, {"host": "web-1"}
        )
        for m in range(10_000)
        if m in over or m % 2 == 0
    )
    empty_store.readings.write([Reading("drift_share", 0.1, NOW, {"model": HOSTILE[0], "alias": "a"})])
    row = AlertRow("a1", "busy", {"host": "web-1"}, "host/web-1", "critical", "firing", NOW - MINUTE)
    empty_store.alerts.save(row)
    return empty_store


def ruling(rules: Any = RULES, **more: Any) -> Ruling:
    return Ruling(lambda: rules, Route(("chat",)), **more)


def page(store: Store, name: str, **values: str) -> str:
    return rule_page(store, name, ask("/rules/x", **values), ruling(), Kept())


def states(html: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in html.split("<li class=")[1:]:
        words = Reader(f"<li class={part}").words
        texts = [word.strip() for word in words if word.strip()]
        found[texts[1]] = texts[0]
    return found


def test_all_rules_by_how_they_stand(filled: Store) -> None:
    html = rules_page(filled, ask("/rules"), ruling())
    found = states(html)
    assert next(iter(found.items())) == ("busy", "Firing 1")
    assert found["typo"] == found["no_labels"] == found["elsewhere"] == "Cannot fire"
    assert found["silent"] == found["gone"] == "Quiet"
    text = Reader(html).text
    assert "No reading is named system_cpu_percnt; did you mean system_cpu_percent?" in text
    assert "There is no reading of performance_labels yet." in text
    assert "No reading of system_cpu_percent has the labels that the rule asks for." in text


def test_rules_of_one_state_and_page_by_page(filled: Store) -> None:
    assert set(states(rules_page(filled, ask("/rules", state="unable"), ruling())).values()) == {
        "Cannot fire"
    }
    many = [Rule(f"r{n:03}", "system_cpu_percent > 99") for n in range(120)]
    html = rules_page(filled, ask("/rules", page="3"), ruling(many))
    assert "Page 3 of 3" in Reader(html).text
    assert len(states(html)) == 20
    assert len(states(rules_page(filled, ask("/rules", page="-1"), ruling(many)))) == 50


def test_a_broken_rule_file_is_said_on_both_pages(filled: Store) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rules("rules:\n- name: busy\n  when: x >")
    broken = ruling(error=lambda: str(caught.value))
    for html in (
        rules_page(filled, ask("/rules"), broken),
        rule_page(filled, "busy", ask("/rules/busy"), broken, Kept()),
    ):
        assert "those from before stay in force" in html
        assert "line 3: rules[0].when" in Reader(html).text


def test_where_a_rule_is_written(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n- name: first\n  when: x > 1\n- name: second\n  when: x > 2\n")
    html = rules_page(filled, ask("/rules"), ruling(load_rules(file)))
    assert "rules.yaml , line 4" in Reader(html).text
    assert f'title="{file}"' in html
    one = rule_page(filled, "second", ask("/rules/second"), ruling(load_rules(file)), Kept())
    assert f"{file} , line 4" in Reader(one).text


def test_the_preview_has_start_end_and_peak(filled: Store) -> None:
    text = Reader(page(filled, "busy")).text
    assert "2 times" not in text
    assert "3 times" in text
    assert "fires still" in text
    assert "97.5" in text
    assert text.count("host web-1") >= 3
    assert "> 90 % ● true" in text


def test_of_a_rule_with_two_parts_no_single_value_is_called_true(empty_store: Store) -> None:
    rule = Rule("moved", "drift_effect > 0.1 and drift_detected == 1")
    at = {"model": "m", "alias": "a", "version": "1"}
    seen = {"calm": (0.3, 0), "moved": (0.2, 1), "quiet": (0.01, 0)}
    for feature, values in seen.items():
        for name, value in zip(("drift_effect", "drift_detected"), values, strict=True):
            empty_store.readings.write([Reading(name, value, NOW, {**at, "feature": feature})])
    html = rule_page(empty_store, "moved", ask("/rules/moved"), ruling([rule]), Kept())
    text = Reader(html).text[Reader(html).text.index("What it sees now") :]
    assert "● true" not in text
    assert text.count("● this part holds") == 3
    assert "The rule has several parts." in text
    assert "All of these: alias a model m version 1" in text
    order = re.findall(r"drift_\w+ feature (\w+)", text)
    assert order == ["moved", "moved", "calm", "calm", "quiet", "quiet"], "its parts stand together"


def test_the_preview_is_as_long_as_the_address_says(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[timedelta] = []
    replay = module.replay_past

    def spy(rules: Any, store: Any, stale_after: Any, clock: Any, **more: Any) -> Any:
        asked.append(clock.until - clock.since)
        return replay(rules, store, stale_after, clock, **more)

    monkeypatch.setattr(module, "replay_past", spy)
    for days in ("", "30", "90", "5000", "x"):
        page(filled, "busy", days=days)
    assert [length.days for length in asked] == [7, 30, 90, 7, 7]


def test_a_preview_is_made_once_and_the_page_stays_the_same(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, calls = Kept(), []
    replay = module.replay_past
    monkeypatch.setattr(module, "replay_past", lambda *a, **k: calls.append(a) or replay(*a, **k))
    later = NOW + timedelta(seconds=30)
    pages = {rule_page(filled, "busy", ask("/rules/busy", now=now), ruling(), kept) for now in (NOW, later)}
    assert len(pages) == 1
    assert len(calls) == 1
    changed = ruling([Rule("busy", "system_cpu_percent > 10")])
    rule_page(filled, "busy", ask("/rules/busy"), changed, kept)
    assert len(calls) == 2


def test_history_is_previewed_where_its_data_is(filled: Store) -> None:
    later = NOW + timedelta(days=400)
    text = Reader(rule_page(filled, "busy", ask("/rules/busy", now=later), ruling(), Kept())).text
    assert "2 times" in text, "the stretch ends a day after the last reading"


def test_what_has_no_preview_says_so(filled: Store) -> None:
    assert "there is no preview" in page(filled, "silent")
    assert "It would not have fired" in page(filled, "typo")
    assert "This rule cannot fire" in page(filled, "typo")
    assert "No reading of system_load1" not in page(filled, "busy")


def test_an_unknown_rule(filled: Store) -> None:
    with pytest.raises(UnknownPageError, match="there is no rule 'nobody'"):
        page(filled, "nobody")


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[4]])
def test_hostile_names_stay_text_and_their_links_lead_back(filled: Store, name: str) -> None:
    app = create_app(filled, config=WebConfig(), clock=lambda: NOW, ruling=ruling())
    client = Client(app)
    listed = Reader(client.get("/rules").text)
    links = [tag[1]["href"] for tag in listed.tags if tag[0] == "a" and tag[1].get("class") == "alert-title"]
    texts = []
    for link in links:
        answer = client.get(str(link))
        assert answer.status == 200
        reader = Reader(answer.text)
        assert not [tag for tag in reader.tags if tag[0] == "img"]
        live = next(tag[1] for tag in reader.tags if tag[1].get("id") == "live")
        assert client.get(str(live["hx-get"])).status == 200
        texts.append(reader.text)
    assert any(name in text for text in texts)


def test_not_modified_is_told(filled: Store) -> None:
    client = Client(create_app(filled, config=WebConfig(), clock=lambda: NOW, ruling=ruling()))
    first = client.get("/rules/busy")
    assert client.get("/rules/busy", if_none_match=first.headers["etag"]).status == 304
    assert client.get("/rules/nobody").status == 404


def test_pages_in_portuguese(filled: Store) -> None:
    html = rule_page(filled, "busy", ask("/rules/busy", locale="pt_BR"), ruling(), Kept())
    assert "Quando teria disparado" in html
    assert "Não pode disparar" in rules_page(filled, ask("/rules", locale="pt_BR"), ruling())


@pytest.fixture
def many(empty_store: Store) -> Iterator[Store]:
    empty_store.readings.write(
        Reading("drift_detected", 1.0, NOW - MINUTE, {"model": "m", "alias": "a", "feature": f"f{n}"})
        for n in range(300)
    )
    return empty_store


def test_many_alerts_are_cut(many: Store) -> None:
    rule = Rule("moved", "drift_detected == 1")
    text = Reader(rule_page(many, "moved", ask("/rules/moved"), ruling([rule]), Kept())).text
    assert "288 more alerts are not shown." in text
    assert "The newest 100 of 300." in text
    assert "250 more readings are not shown." in text


def test_a_strip_shows_even_a_moment_and_stays_inside() -> None:
    end = NOW + timedelta(days=90)
    moment = Firing({}, end - MINUTE, end - MINUTE, end)
    svg = str(strip([moment], NOW, end, '<b>"', severity="critical"))
    assert 'x="997.0" width="3.0"' in svg
    assert "&lt;b&gt;&#34;" in svg
    assert svg.count("strip-tick") == 13
    assert 'class="strip strip-info"' in strip([], NOW, end, "", severity='"><script>')
