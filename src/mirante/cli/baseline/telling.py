"""What the commands of ``mirante baseline`` print: descriptions, lists, differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirante.cli.terminal import coloured, plain, table
from mirante.counted import counted

if TYPE_CHECKING:
    from mirante.app.baseline.keeping import ListedBaseline
    from mirante.monitors.differences import BaselineDifference, ColumnDifference

__all__ = ["description", "difference", "difference_dict", "listing"]

_SLICES = 20
_NONE = "–"


def _number(value: float | None) -> str:
    return _NONE if value is None or value != value else f"{value:.4g}"


def _share(value: float | None) -> str:
    from mirante.monitors.check.words import percent

    return _NONE if value is None else percent(value)


def _moment(text: str) -> str:
    return f"{text.replace('T', ' ')[:16]} UTC" if text else ""


def description(told: Mapping[str, Any], columns: int | None) -> str:
    """Return a baseline as a page of text.

    Parameters
    ----------
    told : mapping
        From `mirante.app.baseline.keeping.describe`.
    columns : int or None
        Width of the terminal; None cuts nothing.
    """
    aliases = f" ({', '.join(told['aliases'])})" if told["aliases"] else ""
    lines = [f"Baseline of {plain(told['model'])}{plain(aliases)}"]
    facts = [
        ("created", _moment(told["created"]) or "not written down"),
        ("place", told["place"]),
        ("made from", _origin(told)),
        ("rows", f"{told['rows']:,}{_span(told)}, {told['sample_rows']:,} kept as a sample"),
        ("windows", _windows(told)),
        ("alarm budget", str(told.get("alarm_budget", _NONE))),
        ("task", told["task"]),
        ("performance", _pairs(told["performance"]) or "no labels"),
        ("slices", _slices(told["slices"])),
        ("estimated", ", ".join(told["estimated"]) or str(told.get("not_estimated", "nothing: no labels"))),
    ]
    lines += [f"  {name:<13} {plain(text)}" for name, text in facts]
    if told["effect_rows"]:
        lines.append(
            f"  {'effect':<13} below, the smallest that a window of "
            f"{counted(told['effect_rows'], 'row', 'rows')} can show"
        )
    headings = ["COLUMN", "MISSING", "EFFECT", "VALUES"]
    rows = [
        [one["column"], _share(one["missing"]), _number(one["smallest_effect"]), _values(one)]
        for one in told["columns"]
    ]
    return "\n".join([*lines, "", table(headings, rows, columns=columns)])


def _origin(told: Mapping[str, Any]) -> str:
    if told.get("source") == "accepted windows":
        return f"accepted windows, by {told.get('accepted_by', '?')}: {told.get('accepted_because', '')}"
    return str(told.get("data", "not written down"))


def _span(told: Mapping[str, Any]) -> str:
    if "first_time" not in told:
        return ""
    first, last = (str(told[key]).replace("T", " ")[:16] for key in ("first_time", "last_time"))
    return f", from {first} to {last} UTC"


def _windows(told: Mapping[str, Any]) -> str:
    cut = f"of {told.get('window', '?')} on the clock of {told.get('timezone', 'UTC')}"
    own = counted(told["windows"], "window", "windows") if told["windows"] else "none of its own (no times)"
    return f"{own}; judged are windows {cut}"


def _slices(slices: Sequence[Mapping[str, Any]]) -> str:
    told = ", ".join(f"{one['slice']} ({counted(one['rows'], 'row', 'rows')})" for one in slices[:_SLICES])
    more = len(slices) - _SLICES
    return (
        told + (f" and {more} more" if more > 0 else "")
    ) or "none; mirante baseline create --slice adds them"


def _pairs(figures: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in figures.items())


def _values(one: Mapping[str, Any]) -> str:
    if one["kind"] == "numeric":
        middle = f"{_number(one['q05'])} … {_number(one['median'])} … {_number(one['q95'])}"
        return f"mean {_number(one['mean'])}, std {_number(one['std'])}, 5 % … median … 95 %: {middle}"
    top = ", ".join(f"{level} {_share(share)}" for level, share in one["top"])
    more = one["levels"] - len(one["top"])
    rest = f" and {counted(more, 'level', 'levels')} more" if more > 0 else ""
    return (top or "no values") + rest + (f", others {_share(one['other'])}" if one["other"] else "")


def listing(found: Sequence[ListedBaseline], columns: int | None) -> str:
    """Return model versions as a table, and a sentence on those without a baseline.

    Parameters
    ----------
    found : sequence of ListedBaseline
        From `mirante.app.baseline.keeping.list_baselines`.
    columns : int or None
        Width of the terminal; None cuts nothing.
    """
    if not found:
        return "no model version has a baseline; write one: mirante baseline create MODEL --data FILE"
    rows = [
        [
            one.model,
            one.version,
            ", ".join(one.aliases) or _NONE,
            (_moment(one.created) or _NONE) if one.place else "none",
            _NONE if one.rows is None else f"{one.rows:,}",
            " ".join(filter(None, (one.place, f"({one.data})" if one.data else ""))) or _NONE,
        ]
        for one in found
    ]
    headings = ["MODEL", "VERSION", "ALIASES", "BASELINE", "ROWS", "PLACE"]
    colours = [None if one.place else "yellow" for one in found]
    bare = [one for one in found if not one.place]
    lines = [table(headings, rows, columns=columns, colours=colours)]
    if bare:
        names = ", ".join(plain(f"{one.model}@{one.aliases[0]}") for one in bare[:5])
        more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
        lines.append(f"without a baseline: {names}{more}. Write one: mirante baseline create MODEL")
    return "\n".join(lines)


def difference(found: BaselineDifference, names: tuple[str, str], columns: int | None) -> str:
    """Return what is different between two baselines, as text.

    Parameters
    ----------
    found : BaselineDifference
        From `mirante.monitors.differences.difference_of`.
    names : tuple of str
        Of the two.
    columns : int or None
        Width of the terminal; None cuts nothing.
    """
    sides = [
        f"{plain(name)} ({counted(rows, 'row', 'rows')})"
        for name, rows in zip(names, found.rows, strict=True)
    ]
    lines = [" -> ".join(sides), ""]
    rows = [
        [
            one.column,
            "moved" if one.moved or one.missing_moved else "same",
            _distance(one),
            _NONE if one.p_value != one.p_value else f"{one.p_value:.2g}",
            _missing(one),
            one.change,
        ]
        for one in found.columns
    ]
    if rows:
        headings = ["COLUMN", "", "DISTANCE", "P", "MISSING", "CHANGE"]
        colours = ["red" if one.moved or one.missing_moved else None for one in found.columns]
        lines += [table(headings, rows, columns=columns, colours=colours), ""]
    lines += _other_lines(found)
    lines.append(_sentence(found))
    return "\n".join(lines)


def _distance(one: ColumnDifference) -> str:
    if one.distance != one.distance:
        return _NONE
    if one.high - one.low < 0.0005:
        return f"{one.distance:.3f}"
    return f"{one.low:.3f}–{one.high:.3f}"


def _missing(one: ColumnDifference) -> str:
    shares = [_share(share) for share in one.missing]
    return shares[0] if shares[0] == shares[1] else " -> ".join(shares)


def _other_lines(found: BaselineDifference) -> list[str]:
    lines = []
    for words, only in (("first", found.only_first), ("second", found.only_second)):
        if only:
            lines.append(f"only in the {words}: {', '.join(map(plain, only))}")
    lines += [f"{plain(name)}: {' -> '.join(pair)}" for name, pair in found.kinds.items()]
    if found.task[0] != found.task[1]:
        lines.append(f"task: {' -> '.join(found.task)}")
    lines += [
        f"{name.replace('_', ' ')}: {' -> '.join(plain(side or _NONE) for side in pair)}"
        for name, pair in found.made_for.items()
    ]
    lines += [
        f"{plain(name)}: {_number(before)} -> {_number(after)}"
        for name, (before, after) in found.performance.items()
        if before != after
    ]
    return lines


def _sentence(found: BaselineDifference) -> str:
    total = counted(len(found.columns), "column", "columns")
    if found.moved:
        names = ", ".join(plain(name) for name in found.moved[:6])
        more = f" and {len(found.moved) - 6} more" if len(found.moved) > 6 else ""
        return coloured(f"{len(found.moved)} of {total} moved: {names}{more}.", "red")
    if found.differs:
        return coloured(f"They differ; none of {total} moved by more than {found.floor:g}.", "red")
    return coloured(f"The same: none of {total} moved by more than {found.floor:g} and chance.", "green")


def difference_dict(found: BaselineDifference, names: tuple[str, str]) -> dict[str, Any]:
    """Return what is different between two baselines as plain data; a number that is not known is None.

    Parameters
    ----------
    found : BaselineDifference
        From `mirante.monitors.differences.difference_of`.
    names : tuple of str
        Of the two.
    """
    from dataclasses import asdict

    return {
        "first": names[0],
        "second": names[1],
        "differs": found.differs,
        "moved": list(found.moved),
        "columns": [_finite(asdict(one)) for one in found.columns],
        "only_first": list(found.only_first),
        "only_second": list(found.only_second),
        "kinds": {name: list(pair) for name, pair in found.kinds.items()},
        "task": list(found.task),
        "made_for": {name: list(pair) for name, pair in found.made_for.items()},
        "performance": {name: _finite(list(pair)) for name, pair in found.performance.items()},
        "rows": list(found.rows),
        "floor": found.floor,
        "alpha": found.alpha,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
