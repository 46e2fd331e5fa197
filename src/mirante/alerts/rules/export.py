"""Rules as a rule file of Prometheus."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from mirante.alerts.rules.promql import to_promql
from mirante.alerts.rules.promql_text import label_text
from mirante.alerts.rules.rule import Rule
from mirante.durations import format_duration
from mirante.errors import ConfigError
from mirante.readings import label_names

__all__ = ["Export", "export_rules"]

_HEADER = """\
# Made by "mirante rules export" for Prometheus 2.42 or later, which scrapes Mirante's /metrics.
# A reading that is missing ends an alert in Prometheus; in Mirante, only with on_missing: resolve.
"""
_FIELD_START = re.compile(r"\{\{-?\s*")
_FIELD_END = re.compile(r"\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class Export:
    """A rule file of Prometheus.

    Parameters
    ----------
    text : str
        The file, as YAML.
    exported : tuple of str
        Names of the rules in it.
    left_out : mapping of str to str
        Name of each rule that PromQL cannot say, and why.
    remarks : tuple of str
        What was taken for granted.
    """

    text: str
    exported: tuple[str, ...]
    left_out: dict[str, str]
    remarks: tuple[str, ...] = ()


def export_rules(
    rules: Sequence[Rule],
    *,
    interval: timedelta | None = None,
    labels_of: Callable[[str], frozenset[str] | None] = label_names,
) -> Export:
    r"""Return rules as a rule file of Prometheus.

    Parameters
    ----------
    rules : sequence of Rule
        The rules.
    interval : timedelta, optional
        From one evaluation to the next; Prometheus' own when None.
    labels_of : callable
        Gives the label names of a metric, or None when they are not known.

    Returns
    -------
    Export
        Rules that PromQL cannot say are left out, with a comment.

    Examples
    --------
    >>> busy = Rule("busy", "cpu > 90", for_=timedelta(minutes=5))
    >>> made = export_rules([busy, Rule("odd", "1 > 2 or cpu > 1")])
    >>> print("\n".join(line for line in made.text.splitlines() if line[:1] != "#"))
    groups:
    - name: mirante
      rules:
      - alert: busy
        expr: cpu > 90
        for: 5m
        labels:
          severity: warning
    >>> made.left_out
    {'odd': 'it compares 1 with 2, which are no readings'}
    """
    entries, left_out, remarks = [], {}, []
    for rule in rules:
        try:
            entry, assumed = _entry(rule, labels_of)
        except ConfigError as error:
            left_out[rule.name] = str(error)
            continue
        entries.append(entry)
        if assumed:
            remarks.append(
                f"{rule.name}: the labels of {', '.join(assumed)} are not known; "
                "they were taken to be those of the other metrics"
            )
    group: dict[str, Any] = {"name": "mirante"}
    if interval is not None:
        group["interval"] = format_duration(interval)
    body = yaml.safe_dump(
        {"groups": [group | {"rules": entries}]}, sort_keys=False, allow_unicode=True, width=1_000_000
    )
    comments = [f"# left out: {_one_line(name)}: {_one_line(why)}" for name, why in left_out.items()]
    comments += [f"# {_one_line(remark)}" for remark in remarks]
    text = _HEADER + "".join(f"{line}\n" for line in comments) + body
    return Export(text, tuple(entry["alert"] for entry in entries), left_out, tuple(remarks))


def _entry(
    rule: Rule, labels_of: Callable[[str], frozenset[str] | None]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    if rule.on_missing == "alert":
        raise ConfigError("on_missing: alert fires on what is missing, which Prometheus takes for false")
    annotations = {"summary": rule.summary, "description": rule.description}
    shows_value = any("$value" in text for text in annotations.values())
    said = to_promql(rule.expression, labels_of=labels_of, shows_value=shows_value)
    labels = {label_text(label): value for label, value in rule.labels.items()} | {"severity": rule.severity}
    for text in (rule.name, *labels.values(), *annotations.values()):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigError("a text holds half a character, which cannot be written down") from None
    entry: dict[str, Any] = {"alert": rule.name, "expr": said.text}
    if rule.for_:
        entry["for"] = format_duration(rule.for_)
    if rule.keep_firing_for:
        entry["keep_firing_for"] = format_duration(rule.keep_firing_for)
    # Prometheus takes the value of a label for a template, which it is not here
    entry["labels"] = {label: value.replace("{{", '{{"{{"}}') for label, value in labels.items()}
    given = {name: _template(text) for name, text in annotations.items() if text}
    return entry | ({"annotations": given} if given else {}), said.assumed


def _template(text: str) -> str:
    """Write fields as Prometheus does, where a dash in the braces would eat the spaces around."""
    return _FIELD_END.sub(" }}", _FIELD_START.sub("{{ ", text)) if "{{" in text else text


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:300]
