"""Rules: what they are, how they are read from a file, and the state machine that they drive."""

from __future__ import annotations

from mirante.alerts.rules.loading import RuleSpec, default_rules, load_rules, rules_of
from mirante.alerts.rules.rule import SEVERITIES, Rule
from mirante.alerts.rules.simple import AlertRule, Finding
from mirante.alerts.rules.states import AlertState, Timing, advance

__all__ = [
    "SEVERITIES",
    "AlertRule",
    "AlertState",
    "Finding",
    "Rule",
    "RuleSpec",
    "Timing",
    "advance",
    "default_rules",
    "load_rules",
    "rules_of",
]
