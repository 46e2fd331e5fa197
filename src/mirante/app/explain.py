"""A rule explained: in words, where it goes, what it sees now, and how often it would have fired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from mirante.alerts.past import Firing, Past
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.alerts.rules.words import rule_in_words
from mirante.alerts.templates import number_text
from mirante.durations import format_duration
from mirante.readings import Reading, subject_of

__all__ = ["explain_rule"]

_MOST = 8


def explain_rule(rule: Rule, routes: Route, past: Past | None = None, length: timedelta = timedelta()) -> str:
    """Return the explanation of a rule, a few lines of text.

    Parameters
    ----------
    rule : Rule
        The rule.
    routes : Route
        Where its alerts go.
    past : Past, optional
        What it would have done.
    length : timedelta
        How long that past is.

    Examples
    --------
    >>> print(explain_rule(Rule("busy", "system_cpu_percent > 90", severity="critical"), Route(("chat",))))
    busy (critical)
      true when: system_cpu_percent is above 90
      fires: at once
      resolves: as soon as it is false
      if a reading is missing or NaN: nothing changes: an alert that fires goes on firing
      goes to: chat
    """
    lines = [f"{rule.name} ({rule.severity})"]
    lines += [f"  {heading}: {text}" for heading, text in rule_in_words(rule)]
    lines.append(f"  goes to: {_goes_to(rule, routes)}")
    if past is not None:
        lines += [f"  {line}" for line in _about_the_past(rule, past, length)]
    return "\n".join(lines)


def _goes_to(rule: Rule, routes: Route) -> str:
    """Say which channels; labels that only a reading has are those that the rule asks for exactly."""
    labels = {**rule.expression.where.equalities, **rule.labels}
    labels |= {"rule": rule.name, "severity": rule.severity, "subject": subject_of(labels)}
    places = [
        f"{place.channel} (route {place.route})" if place.route else place.channel
        for place in routes.destinations(labels)
    ]
    return ", ".join(places) or "no channel"


def _about_the_past(rule: Rule, past: Past, length: timedelta) -> Iterator[str]:
    if rule.name in past.errors:
        yield f"cannot be evaluated: {past.errors[rule.name]}"
        return
    seen = [
        r
        for r in past.latest
        if r.name in rule.expression.metrics and rule.expression.where.may_accept(r.labels)
    ]
    yield from _listed("now", [_reading(reading) for reading in seen], "no reading of it is known")
    standing = [_state(one) for one in past.standing.get(rule.name, ())]
    yield from _listed("stands", standing, "quiet: it would not fire now")
    fired = past.fired.get(rule.name, [])
    times = [f"{one.fired_at:%Y-%m-%d %H:%M:%S} UTC: {one.summary}" for one in fired if one.fired_at]
    yield f"in the last {format_duration(length)}: it would {_times(len(fired))}"
    yield from (f"  {line}" for line in times[-_MOST:])


def _state(one: Firing) -> str:
    since = f"since {one.active_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{'pending' if one.fired_at is None else 'firing'} {since}: {one.summary}"


def _times(count: int) -> str:
    return {0: "not have fired", 1: "have fired once"}.get(count, f"have fired {count} times")


def _listed(heading: str, lines: Sequence[str], nothing: str) -> Iterator[str]:
    if not lines:
        yield f"{heading}: {nothing}"
    elif len(lines) == 1:
        yield f"{heading}: {lines[0]}"
    else:
        yield f"{heading}:"
        yield from (f"  {line}" for line in lines[:_MOST])
        if len(lines) > _MOST:
            yield f"  and {len(lines) - _MOST} more"


def _reading(reading: Reading) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(reading.labels.items()))
    return (
        f"{reading.name}{{{labels}}} = {number_text(reading.value)} at {reading.time:%Y-%m-%d %H:%M:%S} UTC"
    )
