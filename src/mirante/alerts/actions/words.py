"""What a proposal says to the person who decides, in that person's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.alerts.channels.texts import clean, moment_text
from mirante.alerts.units import measure_text
from mirante.i18n import Translator, format_number, translator
from mirante.store.proposals import ACCEPT_BASELINE

if TYPE_CHECKING:
    from mirante.store import ProposalRow

__all__ = ["proposal_lines", "state_word"]


def proposal_lines(row: ProposalRow, locale: str = "en") -> tuple[str, ...]:
    """Return what is proposed, why, and what is known of both versions; the first line says it all.

    Parameters
    ----------
    row : ProposalRow
        The proposal.
    locale : str
        Of the words.

    Returns
    -------
    tuple of str
        Clean lines, without what a terminal or a page would obey.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.store import ProposalRow
    >>> data = {"model": "churn", "alias": "live", "from": "3", "to": "2"}
    >>> row = ProposalRow("1", "move_alias", "model/churn@live", "open", datetime.now(UTC), data=data)
    >>> proposal_lines(row)[0]
    'Move the alias live of churn from version 3 back to version 2.'
    """
    _ = translator(locale)
    data = row.data
    if row.kind == ACCEPT_BASELINE:
        lines = [
            _(
                "Make the windows of %(subject)s from %(since)s to %(until)s the baseline of version "
                "%(version)s.",
                subject=clean(row.subject, 200),
                since=_time(data.get("since")),
                until=_time(data.get("until")),
                version=clean(data.get("version", "?")),
            )
        ]
    else:
        lines = _alias_lines(row, _, locale)
    if data.get("problem"):
        lines.append(clean(data["problem"]))
    if row.reason:
        lines.append(_("%(author)s: %(reason)s", author=clean(row.author or "?"), reason=clean(row.reason)))
    return tuple(lines)


def _alias_lines(row: ProposalRow, _: Translator, locale: str) -> list[str]:
    data = row.data
    old, new = clean(data.get("from", "?"), 100), clean(data.get("to", "?"), 100)
    lines = [
        _(
            "Move the alias %(alias)s of %(model)s from version %(old)s back to version %(new)s.",
            alias=clean(data.get("alias", "?"), 200),
            model=clean(data.get("model", "?"), 200),
            old=old,
            new=new,
        )
    ]
    if rules := data.get("rules"):
        lines.append(_("Because of: %(rules)s.", rules=clean(", ".join(rules), 300)))
    performance = data.get("performance", {})
    lines += [_figures(version, performance.get(version, {}), _, locale) for version in (old, new)]
    lines.append(_("An alert says that something has changed, not that the earlier version would do better."))
    return lines


def _figures(version: str, figures: Mapping[str, Any], _: Translator, locale: str) -> str:
    kind = figures.get("kind")
    if kind not in ("realised", "estimated"):
        return _("Performance of version %(version)s: unknown.", version=version)
    values = {
        "version": version,
        "measures": ", ".join(
            f"{clean(name, 60)} {measure_text(f'performance_{name}', value, locale)}"
            for name, value in figures["measures"].items()
        ),
        "rows": format_number(figures["rows"], locale, digits=0),
        "since": _time(figures["since"]),
        "until": _time(figures["until"]),
    }
    if kind == "realised":
        return _(
            "Performance of version %(version)s, realised: %(measures)s (%(rows)s labels, %(since)s to "
            "%(until)s).",
            **values,
        )
    return _(
        "Performance of version %(version)s, estimated: %(measures)s (%(rows)s rows, %(since)s to "
        "%(until)s).",
        **values,
    )


def _time(text: object) -> str:
    try:
        return moment_text(datetime.fromisoformat(str(text)))
    except ValueError:
        return "?"


def state_word(state: str, locale: str = "en") -> str:
    """Return a proposal's state as people say it.

    Examples
    --------
    >>> state_word("open"), state_word("open", "pt_BR")
    ('open', 'aberta')
    """
    _ = translator(locale)
    words = {
        "open": _("open"),
        "approved": _("approved, to be carried out"),
        "rejected": _("rejected"),
        "withdrawn": _("withdrawn"),
        "done": _("done"),
        "failed": _("failed"),
        "undoing": _("to be undone"),
        "undone": _("undone"),
    }
    return words.get(state, clean(state, 40))
