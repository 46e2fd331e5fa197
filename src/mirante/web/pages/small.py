"""The small pages: not found, login, and the line at the foot of every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirante.web.pages.query import Query, parse_time
from mirante.web.pages.render import render

__all__ = ["error_page", "login_page", "setup_page", "status_line"]


def error_page(query: Query, *, status: int, reason: str = "") -> str:
    """Return the page for an address that leads nowhere, or for a failure.

    Parameters
    ----------
    query : Query
        What was asked for.
    status : int
        HTTP status.
    reason : str
        A sentence for people; shown as plain text.
    """
    return render("error.html", query, status=status, reason=reason)


def login_page(query: Query, *, target: str, wrong: bool = False, wait: bool = False) -> str:
    """Return the form that asks for the token.

    Parameters
    ----------
    query : Query
        What was asked for.
    target : str
        Where to go afterwards.
    wrong : bool
        Whether the last token was not the right one.
    wait : bool
        Whether there were too many wrong ones in the last minute.
    """
    return render("login.html", query, target=target, wrong=wrong, wait=wait)


def setup_page(query: Query, reason: str) -> str:
    """Return the page that stands in for all others while there is no store, and says what to do.

    Parameters
    ----------
    query : Query
        What was asked for.
    reason : str
        What is missing; shown as plain text.
    """
    return render("setup.html", query, reason=reason)


def status_line(health: Mapping[str, Any], query: Query) -> str:
    """Return the line at the foot: is the service well, when did it last look, what waits.

    Parameters
    ----------
    health : mapping
        What ``/healthz`` says: ``status``, ``store``, ``tasks`` (each with ``last_success`` and ``error``),
        ``notices_owed``; what the store says of a service elsewhere also has ``last_seen``.
    query : Query
        Gives the language.
    """
    tasks = health.get("tasks")
    states = tasks if isinstance(tasks, Mapping) else {}
    said = [health.get("last_seen"), *(state.get("last_success") for state in states.values())]
    times = [parse_time(str(time or "")) for time in said]
    owed = health.get("notices_owed")
    return render(
        "status_line.html",
        query,
        store_ok=health.get("store", "ok") == "ok",
        silent=health.get("status") == "silent",
        failing=sorted(name for name, state in states.items() if state.get("error")),
        last=max((time for time in times if time is not None), default=None),
        owed=owed if isinstance(owed, int) else 0,
    )
