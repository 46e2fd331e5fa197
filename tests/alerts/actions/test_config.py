import pytest
from pydantic import ValidationError

from mirante.alerts.config import AlertsConfig


def actions(*given):
    return AlertsConfig.model_validate({"actions": list(given)}).actions


def test_there_are_none_and_one_is_a_dry_run_until_it_is_told_otherwise():
    assert AlertsConfig().actions == ()
    tag, move = actions({"do": "tag"}, {"do": "propose_alias", "dry_run": False})
    assert (tag.dry_run, tag.value, tag.match) == (True, "drifting", {})
    assert not move.dry_run


def test_alerts_match_as_in_routes():
    (action,) = actions({"do": "tag", "match": {"severity": "critical", "rule": "~low_auc|wide_drift"}})
    assert action.accepts({"severity": "critical", "rule": "low_auc", "feature": "age"})
    assert not action.accepts({"severity": "warning", "rule": "low_auc"})
    assert not action.accepts({"severity": "critical", "rule": "low_auc_2"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"do": "delete"}, "tag"),
        ({"do": "tag", "when": "x > 1"}, "Extra inputs"),
        ({"do": "tag", "value": ""}, "at least 1"),
        ({"do": "tag", "match": {"rule": "~("}}, "no regular expression"),
        ({"do": "propose_alias", "value": "x"}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(given, said):
    with pytest.raises((ValidationError, ValueError), match=said):
        actions(given)
