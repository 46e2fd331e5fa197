"""What the commands about rules do: gather the rules, say what is odd about them, and replay the past."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from mirante.alerts.config import build_rules
from mirante.alerts.grouping import Transition
from mirante.alerts.replay import Replay
from mirante.alerts.rules import Rule, default_rules, load_rules
from mirante.app.freshness import freshness
from mirante.app.settings import Settings
from mirante.errors import ConfigError
from mirante.readings import READINGS, Reading, label_names
from mirante.store import AlertRow, Store

__all__ = ["Past", "gather_rules", "labels_in", "odd_metrics", "open_store", "replay_past"]

_STEPS = 2_000  # a step is some milliseconds of database work


def gather_rules(files: Sequence[Path], settings: Settings | None) -> list[Rule]:
    """Return the rules of files, or else those of a config, or else those that come with Mirante.

    Parameters
    ----------
    files : sequence of Path
        Rule files.
    settings : Settings, optional
        A config.

    Returns
    -------
    list of Rule
        In their order.

    Raises
    ------
    ConfigError
        With every error of every file, and rules of two files that have the same name.

    Examples
    --------
    >>> "high_cpu" in {rule.name for rule in gather_rules([], None)}
    True
    """
    if not files:
        if settings is None:
            return default_rules()
        return build_rules(settings.alerts, base=settings.folder, locale=settings.locale)
    errors: list[str] = []
    found: dict[str, tuple[Path, Rule]] = {}
    for file in files:
        try:
            rules = load_rules(file)
        except ConfigError as error:
            errors.append(str(error))
            continue
        for rule in rules:
            if rule.name in found:
                other = found[rule.name][0]
                errors.append(
                    f"{file}: {rule.name!r} is the name of a rule in {other} too; give each a name of its own"
                )
            found.setdefault(rule.name, (file, rule))
    if errors:
        raise ConfigError("\n".join(errors))
    return [rule for _, rule in found.values()]


def open_store(settings: Settings | None) -> Store | None:
    """Return the store of a config, or None where there is none yet; looking at rules makes no database."""
    if settings is None:
        return None
    file = settings.store_file
    return Store(settings.store) if file is None or file.exists() else None


def odd_metrics(rules: Iterable[Rule], store: Store | None = None) -> list[str]:
    """Return a sentence for each metric of a rule that no reading has, with the nearest name.

    Parameters
    ----------
    rules : iterable of Rule
        The rules.
    store : Store, optional
        Where readings beyond the table of names may be.

    Returns
    -------
    list of str
        Empty when all are known.

    Examples
    --------
    >>> odd_metrics([Rule("busy", "system_cpu_percnt > 90")])
    ["busy: no reading is named 'system_cpu_percnt'; did you mean 'system_cpu_percent'?"]
    """
    known = set(READINGS)
    if store is not None:
        known |= {reading.name for reading in store.readings.latest()}
    odd = []
    for rule in rules:
        for metric in rule.expression.metrics:
            if metric not in known:
                near = get_close_matches(metric, sorted(known), n=1)
                advice = f"did you mean {near[0]!r}?" if near else "it will never be true"
                odd.append(f"{rule.name}: no reading is named {metric!r}; {advice}")
    return odd


def labels_in(store: Store | None) -> Callable[[str], frozenset[str] | None]:
    """Return what gives the label names of a metric: those of the table, else those seen in a store."""
    seen: dict[str, frozenset[str]] = {}
    for reading in store.readings.latest() if store is not None else ():
        seen[reading.name] = seen.get(reading.name, frozenset()) | reading.labels.keys()
    return lambda name: label_names(name) or seen.get(name, label_names(name))


@dataclass(slots=True)
class Past:
    """What rules would have done over a stretch of the past.

    Parameters
    ----------
    fired : dict of str to list of Transition
        By rule, every time that an alert began to fire.
    standing : dict of str to list of AlertRow
        By rule, the alerts that are pending or firing at the end.
    latest : list of Reading
        The newest reading of each series that some rule asks for.
    errors : dict of str to str
        By rule, why it could not be evaluated.
    every : timedelta
        How far apart the evaluations were: times are true to within this.
    """

    fired: dict[str, list[Transition]] = field(default_factory=dict)
    standing: dict[str, list[AlertRow]] = field(default_factory=dict)
    latest: list[Reading] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    every: timedelta = timedelta()


def replay_past(
    rules: Sequence[Rule], store: Store, settings: Settings, since: datetime, until: datetime
) -> Past:
    """Hold rules against the readings of a store from a time on, in the engine itself and without a trace.

    Parameters
    ----------
    rules : sequence of Rule
        The rules.
    store : Store
        Where the readings are; nothing is written to it.
    settings : Settings
        For how long series may be silent.
    since, until : datetime
        The stretch; alerts that were firing before it begin to fire at its start.

    Returns
    -------
    Past
        What would have happened. Where readings go back far, evaluations are further apart than in the
        service; each reading is judged all the same.
    """
    names = sorted({metric for rule in rules for metric in rule.expression.metrics})
    stale_after = freshness(settings, {config.subject: config.stale_after for config in settings.models})
    readings = [
        Reading(one.name, value, time.replace(tzinfo=UTC), one.labels, note)
        for one in store.readings.series(names, since=since, until=until)
        for time, value, note in zip(one.times.tolist(), one.values.tolist(), one.notes, strict=True)
    ]
    interval = settings.evaluation_interval
    begin = min((reading.time for reading in readings), default=until)
    every = interval * max(1, math.ceil((until - begin) / interval / _STEPS))
    steps = _steps(readings, rules, every, stale_after, until)
    past = Past(latest=store.readings.latest(names=names), every=every)
    with Replay(rules) as replay:
        for now, news in steps:
            for change in replay.step(now, news, stale_after):
                if change.change == "firing":
                    past.fired.setdefault(change.alert.rule, []).append(change)
            past.errors |= replay.errors
        for row, _state in replay.standing():
            past.standing.setdefault(row.rule, []).append(row)
    return past


def _steps(
    readings: Iterable[Reading],
    rules: Sequence[Rule],
    interval: timedelta,
    stale_after: Callable[[Reading], timedelta | None],
    until: datetime,
) -> list[tuple[datetime, list[Reading]]]:
    """Return the times at which something can change, and what is new then."""
    news: dict[datetime, list[Reading]] = {until: []}
    silences: set[timedelta] = set()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for reading in readings:
        length = stale_after(reading)
        if length is not None:
            tick = epoch + -((epoch - reading.time) // interval) * interval  # rounded up to an evaluation
            news.setdefault(min(tick, until), []).append(reading)
            silences.add(length + interval)
    held = {rule.for_ for rule in rules} | {rule.keep_firing_for for rule in rules}
    later = sorted((held | silences | {s + h for s in silences for h in held}) - {timedelta()})
    times = sorted(news)
    for begin, end in pairwise(times):
        for wait in later:
            if begin + wait < end:
                news.setdefault(begin + wait, [])
    return sorted(
        ((time, sorted(found, key=lambda r: r.time)) for time, found in news.items()), key=lambda s: s[0]
    )
