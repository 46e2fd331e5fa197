from datetime import UTC, datetime, timedelta

from mirante.alerts.matchers import Matchers
from mirante.alerts.past import Firing, Past
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.app.explain import explain_rule
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
RULE = Rule("busy", "cpu > 90", where={"host": "~web.*"}, severity="critical")
ROUTES = Route(("chat",), routes=(Route(("mail",), Matchers.of({"severity": "critical"})),))


FIRED = Firing({"host": "web-1"}, T0, T0, summary="S")


def explained(past):
    return explain_rule(RULE, ROUTES, past, timedelta(days=7)).splitlines()


def test_routes_are_named():
    assert "  goes to: mail (route severity=critical)" in explain_rule(RULE, ROUTES).splitlines()
    assert "  goes to: no channel" in explain_rule(RULE, Route()).splitlines()


def test_a_quiet_past():
    lines = explained(Past())
    assert lines[-3:] == [
        "  now: no reading of it is known",
        "  stands: quiet: it would not fire now",
        "  in the last 7d: it would not have fired",
    ]


def test_a_lively_past():
    seen = [Reading("cpu", 95.5, T0, {"host": f"web-{i}"}) for i in range(10)]
    other = [Reading("cpu", 5.0, T0, {"host": "db"}), Reading("mem", 5.0, T0, {"host": "web-1"})]
    past = Past({"busy": [FIRED] * 2}, {"busy": [FIRED]}, seen + other)
    lines = explained(past)
    assert "    cpu{host=web-0} = 95.5 at 2013-02-08 00:00:00 UTC" in lines
    assert "    and 2 more" in lines
    assert "db" not in "".join(lines)
    assert "  stands: firing since 2013-02-08 00:00:00 UTC: S" in lines
    assert lines[-2:] == ["    2013-02-08 00:00:00 UTC: S"] * 2
    assert lines[-3].endswith("it would have fired 2 times")


def test_a_rule_that_cannot_be_evaluated():
    assert explained(Past(errors={"busy": "too many"}))[-1] == "  cannot be evaluated: too many"
