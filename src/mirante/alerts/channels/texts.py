"""The words of a notice, the same for every channel; and the cleaning of names that came from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.units import value_text
from mirante.i18n import Translator, translator

__all__ = [
    "AlertText",
    "alert_text",
    "clean",
    "clip",
    "closing",
    "identifier",
    "left_out",
    "link_name",
    "moment_text",
    "plain_text",
    "reason_text",
    "redact",
    "title_of",
    "window_text",
]

# control characters (a terminal obeys some), bidirectional overrides (they turn text around), lone surrogates
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
_YES_OR_NO = re.compile(r"\w+ == [01]\b(?!\.)")


@dataclass(frozen=True, slots=True)
class AlertText:
    """One alert in words.

    Parameters
    ----------
    summary : str
        The line to read first.
    lines : tuple of str
        The note, the description, the features that moved, and the slices in which they did.
    facts : tuple of (str, str)
        Name and text: value, condition, since, labels.
    """

    summary: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def clean(text: object, limit: int = 1_000) -> str:
    r"""Return one line that is safe to show anywhere: no control characters, no turned direction, short.

    Examples
    --------
    >>> clean("a\r\nBcc: b"), clean("x" * 5, limit=3)
    ('a Bcc: b', 'xx…')
    """
    return clip(_UNSEEN.sub(" ", str(text)).strip(), limit)


def clip(text: str, limit: int) -> str:
    """Return at most `limit` characters, with a mark when some are left out.

    Examples
    --------
    >>> clip("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else f"{text[: max(0, limit - 1)]}…"


def identifier(text: str) -> str:
    r"""Return a text as an id that fits into any header: letters, digits and ``-``, at most 80.

    Examples
    --------
    >>> identifier("4f2a"), identifier("<a b>\r\n"), identifier("")
    ('4f2a', 'ab', 'notice')
    """
    return re.sub("[^A-Za-z0-9-]", "", text)[:80] or "notice"


def link_name(key: str, locale: str) -> str:
    """Return the words for a link of a notice; a name that the config gave stands for itself.

    Examples
    --------
    >>> link_name("model_version", "en"), link_name("runbook", "en")
    ('Model version', 'runbook')
    """
    _ = translator(locale)
    if key == "alert":
        return _("Alert, and to silence it")
    if key == "alerts":
        return _("Alerts")
    if key == "subject":
        return _("Subject")
    if key == "model_version":
        return _("Model version")
    if key == "run":
        return _("Run")
    if key == "experiment":
        return _("Experiment")
    return clean(key, 100)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without any of the secrets, as one clean line.

    Examples
    --------
    >>> redact("535 hunter2 is wrong", ["hunter2"])
    '535 *** is wrong'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return clean(text, 300)


def title_of(severity: str, about: str, *, locale: str, resolved: bool = False) -> str:
    """Return the one line of a notice.

    Parameters
    ----------
    severity : {"info", "warning", "critical"}
        How bad.
    about : str
        What.
    locale : str
        Of the words.
    resolved : bool
        Whether it is over.

    Examples
    --------
    >>> title_of("critical", "CPU at 97%", locale="en")
    'Critical alert: CPU at 97%'
    """
    _ = translator(locale)
    if resolved:
        word = _("Resolved")
    elif severity == "critical":
        word = _("Critical alert")
    elif severity == "warning":
        word = _("Warning")
    else:
        word = _("Information")
    return f"{word}: {clean(about, 200)}"


def reason_text(notice: Notice) -> str:
    """Return why the notice was sent, as a sentence; empty for a message of its own.

    Examples
    --------
    >>> reason_text(Notice("1f", "first_firing", "info", "x"))
    'Sent because this alert began to fire.'
    >>> by = {"route": "severity=critical", "group": {"rule": "busy"}}
    >>> reason_text(Notice("1f", "first_firing", "info", "x", **by))
    'Sent because this alert began to fire. Route: severity=critical; grouped by rule.'
    """
    _ = translator(notice.locale)
    because = _because(notice.reason, len(notice.alerts) + notice.omitted, _)
    if not because or not (notice.route or notice.group):
        return because
    route = clean(notice.route, 200) or _("the first one, which takes all")
    shared = ", ".join(clean(label, 100) for label in notice.group)
    if not shared:
        return f"{because} {_('Route: %(route)s.', route=route)}"
    return f"{because} {_('Route: %(route)s; grouped by %(labels)s.', route=route, labels=clip(shared, 200))}"


def _because(reason: str, count: int, _: Translator) -> str:
    if reason == "first_firing":
        return _.n(
            "Sent because this alert began to fire.",
            "Sent because these %(n)s alerts began to fire.",
            count or 1,
        )
    if reason == "new_alerts":
        return _("Sent because more alerts of this group began to fire.")
    if reason == "resolved":
        return _("Sent because the condition is no longer true.")
    if reason == "reminder":
        return _("Sent to remind you: this still fires, and nobody has acknowledged it.")
    if reason == "digest":
        return _("Sent once a day while this still fires and nobody has acknowledged it.")
    if reason == "flapping":
        return _("Sent because this alert comes and goes; it now fires until it has been quiet for a while.")
    if reason == "channel_failed":
        return _("Sent because another channel could not deliver.")
    return ""


def closing(notice: Notice) -> list[str]:
    """Return the sentences at the end of a notice: why it was sent, and that it tells of the past.

    Examples
    --------
    >>> closing(Notice("1f", "resolved", "info", "x", historic=True))
    ['Sent because the condition is no longer true.', 'This tells of the past, replayed.']
    """
    _ = translator(notice.locale)
    said = [reason_text(notice), _("This tells of the past, replayed.") if notice.historic else ""]
    return [line for line in said if line]


def left_out(notice: Notice, shown: int) -> list[str]:
    """Return the sentence that counts the alerts of a notice which are not shown; none when all are.

    Examples
    --------
    >>> left_out(Notice("1f", "resolved", "info", "x", omitted=2), shown=0)
    ['and 2 more alerts']
    """
    _ = translator(notice.locale)
    left = len(notice.alerts) + notice.omitted - shown
    return [_.n("and %(n)s more alert", "and %(n)s more alerts", left)] if left > 0 else []


def moment_text(time: datetime) -> str:
    """Return a moment as notices write it.

    Examples
    --------
    >>> moment_text(datetime(2013, 2, 8, 12, 30, tzinfo=UTC))
    '2013-02-08 12:30 UTC'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def window_text(start: datetime, end: datetime) -> str:
    """Return from when to when a window is, as notices write it.

    Examples
    --------
    >>> window_text(datetime(2013, 2, 8, 5, tzinfo=UTC), datetime(2013, 2, 9, 5, tzinfo=UTC))
    '2013-02-08 05:00 – 2013-02-09 05:00 UTC'
    """
    return f"{moment_text(start).removesuffix(' UTC')} – {moment_text(end)}"


def alert_text(alert: NoticeAlert, locale: str) -> AlertText:
    """Return an alert in words.

    Parameters
    ----------
    alert : NoticeAlert
        What to tell.
    locale : str
        Of the words.

    Examples
    --------
    >>> alert_text(NoticeAlert("firing", "busy", {"host": "web-1"}, 97.0, 95.0, "cpu > 90"), "en").facts
    (('Value', '97'), ('Condition', 'cpu > 90'), ('Labels', 'host=web-1'))
    """
    _ = translator(locale)
    resolved = alert.state == "resolved"
    facts = []
    if not (_YES_OR_NO.match(alert.threshold) and alert.note):  # the value is 1, and the note says more
        if resolved and alert.fired_value is not None:
            facts.append((_("Value when it fired"), value_text(alert.fired_value, alert.threshold)))
        if alert.value is not None:
            name = _("Value now") if resolved else _("Value")
            facts.append((name, value_text(alert.value, alert.threshold)))
    if alert.threshold:
        facts.append((_("Condition"), clean(alert.threshold)))
    if alert.window is not None:
        facts.append((_("Window"), window_text(*alert.window)))
    if alert.since is not None:
        facts.append((_("Since"), moment_text(alert.since)))
    if alert.until is not None:
        facts.append((_("Until"), moment_text(alert.until) + _lasting(alert, _)))
    if alert.performance:
        facts.append((_("Performance"), clean(alert.performance)))
    if alert.labels:
        shown = ", ".join(f"{clean(k, 100)}={clean(v, 200)}" for k, v in sorted(alert.labels.items()))
        facts.append((_("Labels"), clip(shown, 1_000)))
    told = (alert.note, alert.description, *alert.moved, *alert.slices)
    lines = tuple(clean(line) for line in told if line.strip())
    summary = f"{_('Resolved')}: {clean(alert.summary)}" if resolved else clean(alert.summary)
    return AlertText(summary, lines, tuple(facts))


def _lasting(alert: NoticeAlert, _: Translator) -> str:
    if alert.since is None or alert.until is None or alert.until <= alert.since:
        return ""
    minutes, hours = (int((alert.until - alert.since).total_seconds()) // size for size in (60, 3600))
    if hours >= 48:
        text = _.n("after %(n)s day", "after %(n)s days", hours // 24)
    elif hours >= 2:
        text = _.n("after %(n)s hour", "after %(n)s hours", hours)
    else:
        text = _.n("after %(n)s minute", "after %(n)s minutes", max(1, minutes))
    return f" ({text})"


def plain_text(notice: Notice, *, most: int = 50) -> str:
    """Return the body of a notice as plain text, without its title.

    Parameters
    ----------
    notice : Notice
        What to tell.
    most : int
        At most so many alerts; the rest is counted.

    Examples
    --------
    >>> alert = NoticeAlert("resolved", "busy", {}, 5.0, 97.0)
    >>> print(plain_text(Notice("1f", "resolved", "info", "x", (alert,))))
    Resolved: busy
      Value when it fired: 97
      Value now: 5
    <BLANKLINE>
    Sent because the condition is no longer true.
    """
    _ = translator(notice.locale)
    blocks, shown = [], min(most, len(notice.alerts))
    for alert in notice.alerts[:shown]:
        if alert.state == "message":
            lines = [clean(line) for line in alert.summary.splitlines()]
        else:
            text = alert_text(alert, notice.locale)
            lines = [text.summary, *(f"  {line}" for line in text.lines)]
            lines += [f"  {name}: {value}" for name, value in text.facts]
        blocks.append("\n".join(lines))
    blocks += left_out(notice, shown)
    end = closing(notice)
    if notice.silence:
        end.append(_("To silence it: %(command)s", command=clean(notice.silence)))
    end += [
        f"{link_name(key, notice.locale)}: {clean(address, 4_000)}" for key, address in notice.links.items()
    ]
    return "\n\n".join([*blocks, *(["\n".join(end)] if end else [])])
