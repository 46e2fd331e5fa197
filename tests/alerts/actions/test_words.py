import pytest

from mirante.alerts.actions.words import proposal_lines, state_word
from mirante.store import ProposalRow
from tests.alerts.actions.conftest import NOW

REALISED = {
    "kind": "realised",
    "measures": {"accuracy": 0.6125, "roc_auc": 0.7},
    "rows": 1200,
    "since": "2026-01-01T00:00:00+00:00",
    "until": "2026-01-30T00:00:00+00:00",
}
DATA = {
    "model": "churn",
    "alias": "live",
    "from": "3",
    "to": "2",
    "rules": ["low_auc", "wide_drift"],
    "performance": {"3": REALISED, "2": {"kind": "unknown"}},
}


def proposal(kind="move_alias", data=DATA, **fields):
    return ProposalRow("p1", kind, "model/churn@live", "open", NOW, data=data, **fields)


def test_performance_of_both_versions_is_shown_or_said_to_be_unknown():
    assert proposal_lines(proposal()) == (
        "Move the alias live of churn from version 3 back to version 2.",
        "Because of: low_auc, wide_drift.",
        "Performance of version 3, realised: accuracy 61.3 %, roc_auc 0.7 (1,200 labels, 2026-01-01 00:00 "
        "UTC to 2026-01-30 00:00 UTC).",
        "Performance of version 2: unknown.",
        "An alert says that something has changed, not that the earlier version would do better.",
    )


def test_estimated_performance_is_called_so():
    data = {**DATA, "performance": {"3": {**REALISED, "kind": "estimated"}}}
    assert "version 3, estimated: accuracy 61.3 %" in proposal_lines(proposal(data=data))[2]


def test_in_portuguese():
    lines = proposal_lines(proposal(), "pt_BR")
    assert lines[0] == "Mover o alias live de churn da versão 3 de volta para a versão 2."
    assert "61,3 %" in lines[2]


def test_an_accepted_range_names_it():
    data = {"since": REALISED["since"], "until": REALISED["until"], "version": "3"}
    row = proposal("accept_baseline", data, author="Ana", reason="new price list")
    assert proposal_lines(row) == (
        "Make the windows of model/churn@live from 2026-01-01 00:00 UTC to 2026-01-30 00:00 UTC the "
        "baseline of version 3.",
        "Ana: new price list",
    )


@pytest.mark.parametrize("name", ["\x1b[2J", "a\r\nBcc: b", "\u202eevil", "x" * 5_000, "{0.__class__}"])
def test_hostile_names_stay_text(name):
    data = {**DATA, "model": name, "alias": name, "rules": [name], "problem": name}
    for line in proposal_lines(proposal(data=data, author=name, reason=name)):
        assert line.isprintable()
        assert len(line) < 2_500


def test_every_state_has_a_word_and_another_one_is_shown_as_it_is():
    states = ("open", "approved", "rejected", "withdrawn", "done", "failed", "undoing", "undone")
    assert len({state_word(state) for state in states}) == len(states)
    assert state_word("odd\x1b") == "odd"
