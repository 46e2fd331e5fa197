"""Pages: functions from a store and a query to HTML, without any web framework."""

from __future__ import annotations

from mirante.web.pages.alert import alert_page
from mirante.web.pages.alerts import alerts_page
from mirante.web.pages.experiment import experiment_page
from mirante.web.pages.experiments import experiments_page
from mirante.web.pages.host import host_page
from mirante.web.pages.model import model_page
from mirante.web.pages.overview import overview
from mirante.web.pages.query import Query, UnknownPageError
from mirante.web.pages.rule import rule_page
from mirante.web.pages.rules import rules_page
from mirante.web.pages.silences import silence_form, silences_page
from mirante.web.pages.small import error_page, login_page, setup_page, status_line
from mirante.web.pages.status import status_page

__all__ = [
    "Query",
    "UnknownPageError",
    "alert_page",
    "alerts_page",
    "error_page",
    "experiment_page",
    "experiments_page",
    "host_page",
    "login_page",
    "model_page",
    "overview",
    "rule_page",
    "rules_page",
    "setup_page",
    "silence_form",
    "silences_page",
    "status_line",
    "status_page",
]
