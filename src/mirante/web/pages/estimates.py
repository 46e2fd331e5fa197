"""Estimate and truth of a model's performance on one chart, or why there is no estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mirante.i18n import translator
from mirante.views.verdicts import estimates_of
from mirante.web.pages.charts import ENDS, Chart, chart_of, realised_bands, thinned_series
from mirante.web.pages.query import Query, TimeRange

if TYPE_CHECKING:
    from mirante.store import Series, Store, WindowRow
    from mirante.views.figures import DrawnMarks

__all__ = ["estimate_charts", "not_estimated"]

_SHOWN = ("accuracy", "roc_auc", "mae", "rmse")  # other measures are readings, and told in notices
_LINES = ("estimated_{}", "performance_{}", "estimated_{}_threshold")


def estimate_charts(
    store: Store, subject: str, span: TimeRange, marks: DrawnMarks, query: Query
) -> dict[str, Chart]:
    """Return a chart for each measure that is estimated, by the name of the realised reading that is in it.

    Parameters
    ----------
    store : Store
        Has the readings.
    subject : str
        Whose.
    span : TimeRange
        From when to when.
    marks : DrawnMarks
        On every chart.
    query : Query
        Its language.

    Returns
    -------
    dict of str to Chart
        The estimate with its band, what came true once labels are in, and the threshold of normal windows.
        Empty where nothing is estimated.
    """
    names = [f"estimated_{name}{part}" for name in _SHOWN for part in ("", "_lower", "_upper", "_threshold")]
    found = thinned_series(store, subject, names, span)
    if not found:
        return {}
    realised = [f"performance_{name}{part}" for name in _SHOWN for part in ("", *(f"_{one}" for one in ENDS))]
    found += thinned_series(store, subject, realised, span)
    by_name: dict[str, list[Series]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    return {
        f"performance_{name}": _chart(name, by_name, marks, query)
        for name in _SHOWN
        if f"estimated_{name}" in by_name
    }


def _chart(name: str, by_name: dict[str, list[Series]], marks: DrawnMarks, query: Query) -> Chart:
    from mirante.views.figures import Band, Line, metric_draft

    _ = translator(query.locale)
    words = (_("estimated"), _("realised"), _("threshold"))
    lines = [
        Line(word, one.times, one.values, {"version": one.labels.get("version", "")})
        for form, word in zip(_LINES, words, strict=True)
        for one in by_name.get(form.format(name), ())
    ]
    edges = [by_name.get(f"estimated_{name}_{end}", []) for end in ("lower", "upper")]
    versions = [one.labels.get("version") for one in by_name[f"estimated_{name}"]]
    bands = [
        Band(versions.index(lower.labels.get("version")), lower, upper)
        for lower in edges[0]
        for upper in edges[1]
        if lower.labels == upper.labels and lower.labels.get("version") in versions
    ]
    every = [one for some in by_name.values() for one in some]
    estimated = sum(bool(np.any(np.isfinite(one.values))) for one in by_name[f"estimated_{name}"])
    bands += realised_bands(by_name.get(f"performance_{name}", ()), every, estimated)
    title = {
        "accuracy": _("Accuracy: estimate and truth"),
        "roc_auc": _("ROC AUC: estimate and truth"),
        "mae": _("Mean absolute error: estimate and truth"),
        "rmse": _("Root mean squared error: estimate and truth"),
    }[name]
    draft = metric_draft(lines, title=title, events=marks, locale=query.locale, bands=bands)
    return chart_of(f"estimated-{name}", title, draft)


def not_estimated(windows: Sequence[WindowRow], query: Query) -> str:
    """Return why nothing is estimated of the newest window; empty where something is.

    Parameters
    ----------
    windows : sequence of WindowRow
        With their verdicts, newest first.
    query : Query
        Its language.
    """
    _ = translator(query.locale)
    found = estimates_of(windows[0]) if windows else {}
    if found.get("reason") == "no_labels":
        return _("Performance is not estimated before labels are in, since the baseline has no labels.")
    if found.get("reason"):
        return _("Performance is not estimated before labels are in: %(why)s", why=found.get("detail", ""))
    return ""
