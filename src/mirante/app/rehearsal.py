"""What the commands about rules do: gather the rules, say what is odd about them, replay their past."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from mirante.alerts.config import build_rules
from mirante.alerts.evaluation.history import Clock
from mirante.alerts.past import Past, replay_past
from mirante.alerts.rules import Rule, default_rules, load_rules
from mirante.app.freshness import freshness
from mirante.app.settings import Settings
from mirante.errors import ConfigError
from mirante.readings import READINGS, label_names
from mirante.store import Store

__all__ = ["gather_rules", "labels_in", "odd_metrics", "open_store", "rehearse"]


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
        return build_rules(
            settings.alerts, base=settings.folder, locale=settings.locale, origin=settings.origin
        )
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
    return Store(settings.store_address()) if file is None or file.exists() else None


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
    asked = [(rule, metric) for rule in rules for metric in rule.expression.metrics]
    if all(metric in READINGS for _, metric in asked):
        return []  # and the store, of a hundred thousand series perhaps, is not asked
    known = set(READINGS)
    if store is not None:
        known |= {reading.name for reading in store.readings.latest()}
    odd = []
    for rule, metric in asked:
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


def rehearse(
    rules: Sequence[Rule], store: Store, settings: Settings, since: datetime, until: datetime
) -> Past:
    """Return what rules would have done with the settings' intervals.

    Parameters
    ----------
    rules : sequence of Rule
        The rules.
    store : Store
        Where the readings are; nothing is written to it.
    settings : Settings
        For how long series may be silent, and how often the service looks.
    since, until : datetime
        The stretch.
    """
    stale_after = freshness(settings, {one.subject: one.stale_after for one in settings.watched})
    return replay_past(rules, store, stale_after, Clock(since, until, settings.evaluation_interval))
