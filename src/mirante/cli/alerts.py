"""The commands ``mirante alerts``: list, show, acknowledge, silence, history."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirante.cli.group import Commands, config_option, settings_of, store_of
from mirante.cli.terminal import coloured, plain, show, table, width
from mirante.durations import parse_duration
from mirante.errors import ConfigError, InputError, NotFoundError

if TYPE_CHECKING:
    from mirante.alerts.people.timeline import Moment
    from mirante.app.settings import Settings
    from mirante.store import AlertRow, SilenceRow, Store

__all__ = ["alerts"]

_COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT = 8
_MOST = 5_000
_HISTORY = (
    "alert_fired", "alert_resolved", "alert_acknowledged", "alert_unacknowledged", "alert_flapping",
    "silence_created", "silence_ended", "notice_held",
)  # fmt: skip

author_option = click.option("--author", help="Who you are; your login name by default.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Commands)
def alerts() -> None:
    """See alerts, take them in hand, silence them."""


def _now() -> datetime:
    return datetime.now(UTC)


def _author(given: str | None) -> str:
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise InputError("this user has no name here; say who you are: --author NAME") from error


def _alert(store: Store, given: str) -> AlertRow:
    """Return the alert of an id, or of the beginning of one."""
    exact = store.alerts.get(given)
    return exact or _only(given, store.alerts.list(limit=_MOST), "alert", "mirante alerts list")


def _silence(store: Store, given: str) -> SilenceRow:
    exact = store.silences.get(given)
    return exact or _only(given, store.silences.list(limit=_MOST), "silence", "mirante alerts silences")


def _only(given: str, rows: list[Any], what: str, command: str) -> Any:
    found = [row for row in rows if given and row.id.startswith(given)]
    if not found:
        raise NotFoundError(f"there is no {what} {given[:80]!r}; {command} shows their ids")
    if len(found) > 1:
        ids = ", ".join(row.id[: len(given) + 4] for row in found[:5])
        raise InputError(f"{given!r} is the beginning of {len(found)} ids ({ids}); give more of it")
    return found[0]


def _json(value: Any) -> str:
    """Return JSON with times as texts; NaN, which JSON has not, is null."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _time(moment: datetime) -> str:
    """Return a moment on this machine's clock."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _window(ends: tuple[datetime, datetime] | None) -> dict[str, datetime] | None:
    return None if ends is None else {"start": ends[0], "end": ends[1]}


def _age(length: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size or (unit == "m" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@alerts.command("list")
@config_option
@click.option(
    "--state",
    type=click.Choice(["pending", "firing", "resolved", "all"]),
    multiple=True,
    help="Pending and firing by default; may be repeated.",
)
@click.option("--subject", help="Such as host/web-1.")
@click.option("--rule", help="Name of the rule.")
@json_option
def list_alerts(
    config: Path | None, state: tuple[str, ...], subject: str | None, rule: str | None, as_json: bool
) -> None:
    """Show alerts, newest first."""
    from mirante.alerts.evidence import windows_of
    from mirante.alerts.grouping import routing_labels
    from mirante.alerts.people.silencing import Holding

    states = None if "all" in state else (state or ("pending", "firing"))
    with store_of(settings_of(config)) as store:
        found = [
            row
            for row in store.alerts.list(subject=subject, states=states, limit=_MOST)
            if rule in (None, row.rule)
        ]
        taken = store.acknowledgements.of([row.id for row in found])
        now = _now()
        holding = Holding(store.silences.list(since=now), now)
        held = {row.id: holding.back(routing_labels(row)) for row in found}
        windows = windows_of(store, found)
    if as_json:
        whole = [
            {
                **asdict(row),
                "acknowledgement": asdict(taken[row.id]) if row.id in taken else None,
                "silences": [one.id for one in held[row.id]],
                "window": _window(window),
            }
            for row, window in zip(found, windows, strict=True)
        ]
        show(_json(whole))
        return
    if not found:
        show("No alert." if states is None else f"No alert is {' or '.join(states)}.")
        return
    rows = []
    for row, window in zip(found, windows, strict=True):
        marks = [f"{taken[row.id].author} has it"] if row.id in taken else []
        marks += [f"silenced for {_age(held[row.id][0].ends_at - now)}"] if held[row.id] else []
        told = (f"[{', '.join(marks)}] " if marks else "") + (row.summary or row.rule)
        told += "" if window is None else f" (window {_time(window[0])} – {_time(window[1])})"
        age = _age(now - (row.fired_at or row.active_at))
        rows.append([row.severity, row.state, row.id[:_SHORT], age, told])
    colours = [_COLOURS.get(row.severity) if row.state == "firing" else None for row in found]
    headings = ["SEVERITY", "STATE", "ID", "AGE", "WHAT"]
    show(table(headings, rows, columns=width(), colours=colours))


@alerts.command("show")
@config_option
@click.argument("id")
@json_option
def show_alert(config: Path | None, id: str, as_json: bool) -> None:  # noqa: A002  the argument's name
    """Show one alert with its timeline; the beginning of an ID is enough."""
    from mirante.alerts.evidence import windows_of
    from mirante.alerts.people.timeline import timeline

    with store_of(settings_of(config)) as store:
        row = _alert(store, id)
        moments = timeline(store, row, _now())
        taken = store.acknowledgements.of([row.id]).get(row.id)
        (window,) = windows_of(store, [row])
    if as_json:
        told = [{**asdict(one), "notice": _notice(one)} for one in moments]
        acknowledgement = asdict(taken) if taken is not None else None
        whole = {**asdict(row), "acknowledgement": acknowledgement, "window": _window(window)}
        show(_json({**whole, "timeline": told}))
        return
    show(coloured(plain(row.summary or row.rule), _COLOURS.get(row.severity)))
    facts = {
        "id": row.id,
        "state": f"{row.state}, {row.severity}",
        "subject": row.subject,
        "rule": row.rule,
        "labels": ", ".join(f"{key}={value}" for key, value in sorted(row.labels.items())),
        "window": "" if window is None else f"{_time(window[0])} – {_time(window[1])}",
        "value": f"{row.value:g}" if row.value is not None else "",
        "note": row.note,
        "in hand": f"{taken.author}: {taken.note}".removesuffix(": ") if taken is not None else "",
    }
    for name, fact in facts.items():
        if fact:
            show(f"  {name:<8} {plain(fact)}")
    show("")
    for one in moments:
        show(f"  {_time(one.time)}  {plain(_told(one))}")


def _notice(moment: Moment) -> dict[str, Any] | None:
    if moment.notice is None:
        return None
    return {key: value for key, value in asdict(moment.notice).items() if key != "payload"}


def _told(moment: Moment) -> str:
    """Return a moment in words."""
    value = f", value {moment.value:g}" if moment.value is not None else ""
    said = f": {moment.text}" if moment.text else ""
    by = moment.author
    if moment.notice is not None:
        notice = moment.notice
        error = f" ({notice.error})" if notice.error else ""
        state = {"delivered": "delivered", "dead": "given up"}.get(notice.status, "waiting to be sent")
        tries = f" after {notice.attempts} tries" if notice.attempts > 1 else ""
        route = f" by route {moment.route}" if moment.route else ""
        return f"notice to {notice.channel}{route}, {notice.reason.replace('_', ' ')}: {state}{tries}{error}"
    if moment.silence is not None and moment.kind == "silenced":
        return f"silenced by {moment.author} until {_time(moment.silence.ends_at)}{said}"
    return {
        "pending": "the condition became true: pending",
        "firing": f"firing{value}",
        "resolved": f"resolved{value}",
        "dropped": "no longer true before it fired: nobody was told",
        "flapping": "it comes and goes: it fires until it has been quiet for a while",
        "held": f"not sent to {moment.channel or 'its channel'}{said}{f' ({by})' if by else ''}",
        "acknowledged": f"acknowledged by {moment.author}{said}",
        "unacknowledged": f"given back by {moment.author}",
        "silence_over": "the silence is over",
    }[moment.kind]


@alerts.command("ack")
@config_option
@click.argument("id")
@click.option("--note", default="", help="What you are doing about it.")
@click.option("--take-over", is_flag=True, help="Also if somebody else has it in hand.")
@author_option
def ack(config: Path | None, id: str, note: str, take_over: bool, author: str | None) -> None:  # noqa: A002  the argument's name
    """Take an alert in hand."""
    from mirante.alerts.people.acknowledging import acknowledge

    with store_of(settings_of(config)) as store:
        row = _alert(store, id)
        done = acknowledge(store, row.id, author=_author(author), note=note, take_over=take_over, now=_now())
    show(f"{plain(done.author)} has it in hand: {plain(row.summary or row.rule)}")


@alerts.command("unack")
@config_option
@click.argument("id")
@author_option
def unack(config: Path | None, id: str, author: str | None) -> None:  # noqa: A002  the argument's name
    """Give an alert back: nobody has it in hand any more."""
    from mirante.alerts.people.acknowledging import take_back

    with store_of(settings_of(config)) as store:
        row = _alert(store, id)
        take_back(store, row.id, author=_author(author), now=_now())
    show(f"nobody has it in hand: {plain(row.summary or row.rule)}")


@alerts.command("silence")
@config_option
@click.argument("matchers", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option("--alert", help="Id of an alert: its rule and all its labels are matched too.")
@click.option("--for", "lasting", required=True, help="For how long: 30m, 2h, 1d12h.")
@click.option("--comment", required=True, help="Why.")
@author_option
def silence(
    config: Path | None,
    matchers: tuple[str, ...],
    alert: str | None,
    lasting: str,
    comment: str,
    author: str | None,
) -> None:
    """Hold back the notices of some alerts for a time.

    LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEX or LABEL!~REGEX; all must fit. rule, severity and subject count
    as labels. What is written here wins over a label of --alert.
    """
    from mirante.alerts.people.matchertext import format_matchers, matchers_of, parse_matchers
    from mirante.alerts.people.silencing import SilenceOrder, add_silence

    settings = settings_of(config)
    with store_of(settings) as store:
        named: dict[str, str] = {}
        if alert is not None:
            named = matchers_of(_alert(store, alert))
        named |= parse_matchers(matchers)
        order = SilenceOrder(named, _author(author), comment, lasting=lasting)
        made = add_silence(store, order, _now())
        unknown = _fits_nothing(made.matchers, settings, store)
    show(f"silenced until {_time(made.ends_at)}: {plain(', '.join(format_matchers(made.matchers)))}")
    if unknown:
        show(unknown)
    show(f"to end it before: mirante alerts unsilence {made.id[:_SHORT]}")


def _fits_nothing(matchers: Mapping[str, str], settings: Settings, store: Store) -> str:
    """Return a sentence where no rule there is, and no open alert, can be meant; empty otherwise."""
    from mirante.alerts.grouping import routing_labels
    from mirante.alerts.matchers import Matchers
    from mirante.app.rehearsal import gather_rules

    where = Matchers.of(matchers)
    try:
        names = [rule.name for rule in gather_rules([], settings)]
    except ConfigError:  # rules that are broken now may be mended while the silence lasts
        return ""
    if any(where.may_accept({"rule": name}) for name in names):
        return ""
    if any(where.accept(routing_labels(row)) for row in store.alerts.open()):
        return ""
    near = get_close_matches(matchers.get("rule", "").lstrip("=~"), names, n=1)
    return "no rule and no open alert fits this" + (f"; the nearest rule is {near[0]}" if near else "")


@alerts.command("unsilence")
@config_option
@click.argument("id")
@author_option
def unsilence(config: Path | None, id: str, author: str | None) -> None:  # noqa: A002  the argument's name
    """End a silence now; the beginning of its ID is enough."""
    from mirante.alerts.people.silencing import end_silence

    with store_of(settings_of(config)) as store:
        ended = end_silence(store, _silence(store, id).id, _author(author), _now())
    show(f"ended: {plain(ended.comment)}")


@alerts.command("silences")
@config_option
@click.option("--all", "with_over", is_flag=True, help="Also those that are over.")
@json_option
def silences(config: Path | None, with_over: bool, as_json: bool) -> None:
    """Show the silences that hold or are to come."""
    from mirante.alerts.people.matchertext import format_matchers
    from mirante.alerts.people.silencing import silence_state

    now = _now()
    with store_of(settings_of(config)) as store:
        found = store.silences.list(since=None if with_over else now, limit=_MOST)
    if as_json:
        show(_json([{**asdict(row), "state": silence_state(row, now)} for row in found]))
        return
    if not found:
        show("Nothing is silenced.")
        return
    rows = [
        [
            silence_state(row, now),
            row.id[:_SHORT],
            _time(row.starts_at if row.starts_at > now else row.ends_at),
            row.author,
            f"{', '.join(format_matchers(row.matchers))}: {row.comment}",
        ]
        for row in found
    ]
    show(table(["STATE", "ID", "FROM / UNTIL", "BY", "WHICH AND WHY"], rows, columns=width()))


@alerts.command("history")
@config_option
@click.option("--since", default="7d", show_default=True, help="How far back.")
@json_option
def history(config: Path | None, since: str, as_json: bool) -> None:
    """Show what happened to alerts and what people did, oldest first."""
    now = _now()
    begin = now - min(parse_duration(since), now - _EPOCH)
    with store_of(settings_of(config)) as store:
        found = store.events.list(since=begin, kinds=_HISTORY, limit=_MOST)
    if as_json:
        show(_json([asdict(event) for event in found]))
        return
    if not found:
        show(f"Nothing happened in the last {since}.")
        return
    rows = [[_time(one.time), one.kind.replace("_", " "), one.subject, one.text] for one in found]
    show(table(["TIME", "WHAT", "SUBJECT", "TEXT"], rows, columns=width()))
