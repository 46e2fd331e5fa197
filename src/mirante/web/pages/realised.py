"""What labels said of a window: its measures with their intervals, how many labels, its reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirante.i18n import translator
from mirante.monitors.estimates import measure_name
from mirante.views.verdicts import performance_of, realised_of
from mirante.web.pages.charts import Chart, chart_of
from mirante.web.pages.query import Query
from mirante.web.pages.render import number, percent

if TYPE_CHECKING:
    from mirante.i18n import Translator
    from mirante.store import WindowRow

__all__ = ["WindowPerformance", "so_far", "window_performance", "with_interval"]

_COUNTS = {"labels", "labels_missing", "labels_share", "base_rate", "calibration_error_expected"}
_SHARES = {
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "precision_weighted",
    "recall_weighted",
    "mape",
}


@dataclass(frozen=True, slots=True)
class WindowPerformance:
    """What labels said of one window.

    Parameters
    ----------
    labels : str
        How many there are, and whether more are awaited.
    measures : list of (str, str)
        Names and values, each with its interval, or with why there is none.
    chart : Chart or None
        The reliability diagram, where the model gives probabilities.
    """

    labels: str
    measures: list[tuple[str, str]]
    chart: Chart | None


def window_performance(window: WindowRow, query: Query) -> WindowPerformance | None:
    """Return what labels said of a window; None while there are none.

    Parameters
    ----------
    window : WindowRow
        With its verdicts.
    query : Query
        Its language.
    """
    found, details = performance_of(window), realised_of(window)
    if not found.get("labels"):
        return None
    _ = translator(query.locale)
    ends, reasons = details.get("intervals") or {}, details.get("reasons") or {}
    measures = [
        (measure_name(name, _), _value(name, value, ends.get(name), reasons.get(name, ""), _))
        for name, value in found.items()
        if name not in _COUNTS
    ]
    return WindowPerformance(_labels(found, details, _), measures, _reliability(details, found, _))


def with_interval(name: str, value: float, ends: Sequence[float] | None, locale: str = "en") -> str:
    """Return a measure as people read it, with its interval where there is one.

    Examples
    --------
    >>> with_interval("roc_auc", 0.8123, [0.78, 0.84]), with_interval("recall", 0.5, None)
    ('0.812 (0.78 to 0.84)', '50 %')
    """
    _ = translator(locale)

    def text(one: float) -> str:
        return percent(one, locale) if name in _SHARES else number(one, locale, digits=3)

    if not ends or None in ends:
        return text(value)
    return _(
        "%(value)s (%(lower)s to %(upper)s)", value=text(value), lower=text(ends[0]), upper=text(ends[1])
    )


def so_far(window: WindowRow, locale: str = "en") -> str:
    """Return which share of a window's labels is in while its figures may still change; else nothing."""
    details = realised_of(window)
    if not details or details.get("final", True):
        return ""
    return percent(performance_of(window).get("labels_share"), locale)


def _labels(found: Mapping[str, Any], details: Mapping[str, Any], _: Translator) -> str:
    count, rows = int(found["labels"]), int(found["labels"] + (found.get("labels_missing") or 0))
    shown = {"n": number(count, _.locale), "rows": number(rows, _.locale)}
    if details and not details.get("final", True):
        share = percent(count / rows, _.locale)
        return _("So far %(share)s of the labels: %(n)s of %(rows)s", share=share, **shown)
    return _("%(n)s labels for %(rows)s rows", **shown)


def _value(name: str, value: float | None, ends: Sequence[float] | None, reason: str, _: Translator) -> str:
    if value is not None:
        return with_interval(name, value, ends, _.locale)
    words = {
        "one_class": _("only one class is there"),
        "never_said": _("the class was never predicted"),
        "never_true": _("the class is not among the labels"),
        "label_zero": _("a label is 0"),
        "one_row": _("one row says nothing"),
        "not_finite": _("a number is infinite"),
        "too_many": _("there are too many classes"),
        "too_few": _("there are too few labels"),
    }
    return f"– ({words[reason]})" if reason in words else "–"


def _reliability(details: Mapping[str, Any], found: Mapping[str, Any], _: Translator) -> Chart | None:
    from mirante.views.figures import reliability_draft

    bins = details.get("reliability") or []
    if not bins:
        return None
    title = _("Reliability: what was said and what came true")
    error, usual = found.get("calibration_error"), found.get("calibration_error_expected")
    subtitle = "" if error is None else _(
        "calibration error %(error)s; %(usual)s would be chance",
        error=number(error, _.locale, digits=3), usual=number(usual, _.locale, digits=3),
    )  # fmt: skip
    baseline = details.get("baseline_reliability") or []
    draft = reliability_draft(bins, baseline, title=title, subtitle=subtitle, locale=_.locale)
    return chart_of("reliability", title, draft)
