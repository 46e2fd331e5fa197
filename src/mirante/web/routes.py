"""The table of all pages: one for every server that shows them, and the way from a request to its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import unquote

import structlog

from mirante.errors import NotFoundError, StoreError
from mirante.garbage import without_collection
from mirante.web.decisions import accept_windows, decide_proposal
from mirante.web.exchange import Answer, Asked, html_answer
from mirante.web.files import show_favicon, show_file
from mirante.web.login import log_in, show_login
from mirante.web.pages import (
    UnknownPageError,
    alerts_page,
    error_page,
    experiment_page,
    experiments_page,
    host_page,
    model_page,
    overview,
    rule_page,
    rules_page,
    setup_page,
    status_line,
    status_page,
)
from mirante.web.people import (
    change_one_silence,
    end_one_silence,
    give_alert_back,
    make_silence,
    show_alert,
    show_new_silence,
    show_silence,
    show_silences,
    take_alert,
)
from mirante.web.site import NotReadyError, Site

__all__ = ["ROUTES", "Route", "answer"]

_log = structlog.get_logger("mirante.web")


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    Parameters
    ----------
    method : str
        ``GET``, which stands for ``HEAD`` as well, or ``POST``.
    path : str
        Below the place where the pages hang; ``{id}`` stands for one part of it, ``{name:path}`` for all the
        rest.
    show : callable
        Makes the answer.

    Examples
    --------
    >>> Route("GET", "/alerts/{id}", show_alert).parts("/alerts/4f2a"), ROUTES[0].parts("/alerts")
    ({'id': '4f2a'}, None)
    """

    method: str
    path: str
    show: Callable[[Site, Asked], Answer]

    def parts(self, path: str) -> dict[str, str] | None:
        """Return the variable parts of a path; None when it is not this line's."""
        found = _pattern(self.path).fullmatch(path)
        return None if found is None else found.groupdict()


@cache
def _pattern(path: str) -> re.Pattern[str]:
    pattern = re.sub(r"\\\{(\w+):path\\\}", r"(?P<\1>.+)", re.escape(path))
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern))


def _overview(site: Site, asked: Asked) -> Answer:
    return html_answer(overview(site.store, asked.query, site.tasks()))


def _model(site: Site, asked: Asked) -> Answer:
    return html_answer(model_page(site.store, asked.query.get("subject"), asked.query, site.tasks()))


def _table(site: Site, asked: Asked) -> Answer:
    subject = asked.query.get("subject")
    watched = site.store.readings.latest(subject=subject, names=["table_rows_read_total"])
    page = model_page if watched else host_page  # other readings of tables come from programs of others
    return html_answer(page(site.store, subject, asked.query, site.tasks()))


def _host(site: Site, asked: Asked) -> Answer:
    return html_answer(host_page(site.store, asked.query.get("subject"), asked.query, site.tasks()))


def _experiments(site: Site, asked: Asked) -> Answer:
    return html_answer(experiments_page(site.store, asked.query))


def _experiment(site: Site, asked: Asked) -> Answer:
    return html_answer(experiment_page(site.store, asked.query.get("subject"), asked.query, site.tasks()))


def _alerts(site: Site, asked: Asked) -> Answer:
    return html_answer(alerts_page(site.store, asked.query))


def _rules(site: Site, asked: Asked) -> Answer:
    return html_answer(rules_page(site.store, asked.query, site.ruling))


def _rule(site: Site, asked: Asked) -> Answer:
    return html_answer(rule_page(site.store, asked.parts["name"], asked.query, site.ruling, site.kept))


def _status(site: Site, asked: Asked) -> Answer:
    return html_answer(status_page(site.store, site.state(), asked.query))


def _status_line(site: Site, asked: Asked) -> Answer:
    return html_answer(status_line(site.state(), asked.query))


def _health(site: Site, asked: Asked) -> Answer:  # noqa: ARG001  as every page's function
    found = {key: value for key, value in site.state().items() if key != "details"}
    status = 200 if found["store"] == "ok" else 503
    return Answer(status, json.dumps(found).encode(), (("content-type", "application/json"),))


def _metrics(site: Site, asked: Asked) -> Answer:  # noqa: ARG001  as above
    try:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Answer(200, site.exposition.render(), (("content-type", kind),))
    except StoreError as error:
        _log.warning("the store does not answer", path="/metrics", error=str(error))
        return Answer(503, b"the store does not answer", (("content-type", "text/plain; charset=utf-8"),))


ROUTES: Sequence[Route] = (
    Route("GET", "/", _overview),
    Route("GET", "/model", _model),
    Route("GET", "/table", _table),
    Route("GET", "/host", _host),
    Route("GET", "/experiments", _experiments),
    Route("GET", "/experiment", _experiment),
    Route("GET", "/alerts", _alerts),
    Route("GET", "/alerts/{id}", show_alert),
    Route("POST", "/alerts/{id}/acknowledge", take_alert),
    Route("POST", "/alerts/{id}/give-back", give_alert_back),
    Route("GET", "/silences", show_silences),
    Route("GET", "/silences/new", show_new_silence),
    Route("POST", "/silences/new", make_silence),
    Route("GET", "/silences/{id}", show_silence),
    Route("POST", "/silences/{id}", change_one_silence),
    Route("POST", "/silences/{id}/end", end_one_silence),
    Route("POST", "/proposals/{id}", decide_proposal),
    Route("POST", "/baselines", accept_windows),
    Route("GET", "/login", show_login),
    Route("POST", "/login", log_in),
    Route("GET", "/rules", _rules),
    Route("GET", "/rules/{name:path}", _rule),
    Route("GET", "/status", _status),
    Route("GET", "/status/line", _status_line),
    Route("GET", "/healthz", _health),
    Route("GET", "/metrics", _metrics),
    Route("GET", "/static/{name}", show_file),
    Route("GET", "/favicon.ico", show_favicon),
)
"""Every page and form, in the order in which they are tried."""


def answer(site: Site, asked: Asked) -> Answer:
    """Return the answer to a request: a page, 304 where the reader has it, or a page that says what is wrong.

    Parameters
    ----------
    site : Site
        What is shown.
    asked : Asked
        The request; which line of the table it means is found here.
    """
    try:
        found = _find(asked)
        with without_collection():  # rows and text by the ten thousand, which go by their reference counts
            made = found if isinstance(found, Answer) else found[0].show(site, replace(asked, parts=found[1]))
    except (UnknownPageError, NotFoundError) as error:
        made = _failure(asked, 404, str(error))
    except NotReadyError as error:
        made = html_answer(setup_page(asked.query, str(error)), status=503)
    except StoreError as error:  # its text may hold the store's address: it is for the log
        _log.warning("the store does not answer", path=asked.query.path, error=str(error))
        made = _failure(asked, 503)
    return made.unless_known(asked.headers.get("if-none-match", ""))


def _find(asked: Asked) -> tuple[Route, dict[str, str]] | Answer:
    method = "GET" if asked.method == "HEAD" else asked.method
    path = unquote(asked.query.path)
    here = [(route, parts) for route in ROUTES if (parts := route.parts(path)) is not None]
    for route, parts in here:
        if route.method == method:
            return route, parts
    if not here:
        return _failure(asked, 404)
    return _failure(asked, 405).with_headers(allow=", ".join(sorted({route.method for route, _ in here})))


def _failure(asked: Asked, status: int, reason: str = "") -> Answer:
    return html_answer(error_page(asked.query, status=status, reason=reason), status=status)
