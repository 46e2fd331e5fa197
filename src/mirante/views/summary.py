"""What is to be said of a subject first: its state in one word, and why in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.i18n import Translator
from mirante.views.words import moment

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store, SubjectRow

__all__ = ["LEVELS", "Summary", "kind_and_name", "severity_level", "state_word", "summarise"]

# From what needs a person most to what needs nobody; pages sort by it.
LEVELS = ("critical", "warning", "notice", "ok", "none")


@dataclass(frozen=True, slots=True)
class Summary:
    """A subject's state.

    Parameters
    ----------
    subject : str
        Such as ``model/nyc-flight-delay@champion``.
    level : str
        One of `LEVELS`.
    word : str
        The level for people.
    sentence : str
        Why.
    open_alerts : tuple of AlertRow
        The worst first, then the oldest.
    """

    subject: str
    level: str
    word: str
    sentence: str
    open_alerts: tuple[AlertRow, ...]


def kind_and_name(subject: str, _: Translator) -> tuple[str, str]:
    """Return a subject's kind for people, and its name.

    Examples
    --------
    >>> from mirante.i18n import translator
    >>> kind_and_name("model/churn@champion", translator())
    ('Model', 'churn@champion')
    """
    kinds = {
        "model": _("Model"),
        "host": _("Host"),
        "experiment": _("Experiment"),
        "table": _("Table"),
        "registry": _("Registry"),
    }
    kind, slash, name = subject.partition("/")
    if slash and kind in kinds:
        return kinds[kind], name
    return _("Monitor"), "Mirante" if subject == "monitor" else subject


def severity_level(severity: str) -> str:
    """Return the level that a severity makes of a subject; anything unknown is a notice.

    Examples
    --------
    >>> severity_level("critical"), severity_level("info")
    ('critical', 'notice')
    """
    return {"critical": "critical", "page": "critical", "error": "critical", "warning": "warning"}.get(
        severity.lower(), "notice"
    )


def state_word(level: str, _: Translator) -> str:
    """Return a level for people."""
    words = {
        "critical": _("Critical"),
        "warning": _("Warning"),
        "notice": _("Notice"),
        "ok": _("All well"),
        "none": _("No data"),
    }
    return words[level]


def summarise(
    store: Store, row: SubjectRow, open_alerts: Sequence[AlertRow], _: Translator, *, timezone: str = "UTC"
) -> Summary:
    """Return the state of one subject and one sentence that says why.

    Parameters
    ----------
    store : Store
        Asked for the newest drift verdicts when no alert fires.
    row : SubjectRow
        The subject.
    open_alerts : sequence of AlertRow
        Of all subjects; those of others are passed over.
    _ : Translator
        The reader's language.
    timezone : str
        The clock to tell moments by.
    """
    mine = sorted(
        (alert for alert in open_alerts if alert.subject == row.subject),
        key=lambda alert: (
            alert.state != "firing",
            LEVELS.index(severity_level(alert.severity)),
            alert.active_at,
        ),
    )
    firing = [alert for alert in mine if alert.state == "firing"]
    if firing:
        level, sentence = severity_level(firing[0].severity), _firing_sentence(firing, _, timezone)
    elif mine:
        since = moment(mine[0].active_at, timezone, _.locale)
        level = "notice"
        sentence = _("%(rule)s is about to fire: true since %(time)s.", rule=mine[0].rule, time=since)
    else:
        level, sentence = _quiet(store, row, _, timezone)
    return Summary(row.subject, level, state_word(level, _), sentence, tuple(mine))


def _firing_sentence(firing: Sequence[AlertRow], _: Translator, timezone: str) -> str:
    worst = firing[0]
    since = moment(worst.active_at, timezone, _.locale)
    text = _("%(what)s, since %(time)s.", what=(worst.summary or worst.rule).rstrip(". "), time=since)
    if len(firing) > 1:
        others = _.n("%(n)s more alert fires.", "%(n)s more alerts fire.", len(firing) - 1)
        text = f"{text} {others}"
    return text


def _quiet(store: Store, row: SubjectRow, _: Translator, timezone: str) -> tuple[str, str]:
    """Nothing fires: say what drifted in the newest window, if anything did."""
    if not row.series:
        return "none", _("No readings yet.")
    verdicts = store.readings.latest(subject=row.subject, names=["drift_detected"], slices=False)
    newest = max((reading.time for reading in verdicts), default=None)
    drifted = [r for r in verdicts if r.time == newest and r.value >= 0.5]
    if not drifted or newest is None:
        return "ok", _("No alert is open.")
    when = moment(newest, timezone, _.locale)
    names = ", ".join(reading.labels.get("feature", "?") for reading in drifted[:3])
    rest = f" +{len(drifted) - 3}" if len(drifted) > 3 else ""
    text = _(
        "No alert is open, but the window of %(time)s drifted in: %(names)s.", time=when, names=names + rest
    )
    return "notice", text
