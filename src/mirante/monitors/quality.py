"""The readings of one closed window: volume, latency, drift, missing shares, new categories, outliers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.i18n import translator
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.drift.verdicts import ColumnVerdict, WindowVerdict
    from mirante.i18n import Translator
    from mirante.inference_log.probabilities import Fault
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.predictions import Predictions

__all__ = ["fault_note", "volume_readings", "window_readings"]


def window_readings(
    window: OpenWindow,
    verdict: WindowVerdict,
    labels: Mapping[str, str],
    *,
    predictions: Predictions | None = None,
    locale: str = "en",
) -> list[Reading]:
    """Return what a judged window has to say.

    Parameters
    ----------
    window : OpenWindow
        Its counts.
    verdict : WindowVerdict
        Its judgement.
    labels : mapping of str to str
        Model, alias, version; or the table.
    predictions : Predictions, optional
        What the model's predictions are; of probabilities of classes those are counted that are none.
    locale : str
        Of the notes.

    Returns
    -------
    list of Reading
        At the time of the window's start; a window without rows says only that it has none.
    """
    start = window.window.start
    _ = translator(locale)
    readings = volume_readings(start, window.rows, window.passed, window.latencies(), labels, locale=locale)
    if not window.rows:
        return readings
    readings.append(Reading("drift_share", verdict.drift_share, start, labels))
    readings.append(Reading("outlier_ratio", window.outliers / window.rows, start, labels))
    if predictions is not None and predictions.several:
        share = sum(window.faults.values()) / window.rows
        readings.append(
            Reading("invalid_probabilities_ratio", share, start, labels, fault_note(window.faults, _))
        )
    for name, column in verdict.columns.items():
        values = _column_values(column)
        notes = {"drift_detected": column.sentence, "missing_detected": column.missing_sentence}
        about = {**labels, "feature": name}
        readings += [Reading(key, value, start, about, notes.get(key, "")) for key, value in values.items()]
    return readings


def volume_readings(
    start: datetime,
    rows: int,
    passed: int,
    latencies: Mapping[str, float],
    labels: Mapping[str, str],
    *,
    locale: str = "en",
) -> list[Reading]:
    """Return how many rows a window has, and how long its predictions took: what needs no baseline.

    Parameters
    ----------
    start : datetime
        Of the window.
    rows, passed : int
        Rows in it, and predictions that they stand for beside themselves.
    latencies : mapping of str to float
        Seconds, by name: the mean and quantiles.
    labels : mapping of str to str
        Model, alias, version; or the table.
    locale : str
        Of the note.

    Examples
    --------
    >>> from datetime import UTC
    >>> found = volume_readings(datetime(2026, 1, 1, tzinfo=UTC), 2, 0, {"p95": 0.02}, {"model": "churn"})
    >>> [(one.name, one.value) for one in found]
    [('predictions', 2.0), ('prediction_latency_seconds_p95', 0.02)]
    """
    _ = translator(locale)
    recorded = _.n("%(n)s of them was recorded", "%(n)s of them were recorded", rows)
    volume = "table_rows" if "table" in labels else "predictions"
    found = [Reading(volume, rows + passed, start, labels, recorded if passed else "")]
    if rows:
        found += [
            Reading(f"prediction_latency_seconds_{name}", seconds, start, labels)
            for name, seconds in latencies.items()
        ]
    return found


def fault_note(faults: Mapping[Fault, int], _: Translator) -> str:
    """Return why the probabilities of rows are none, and of how many; empty for none.

    Examples
    --------
    >>> fault_note({"sum": 2, "missing": 1}, translator("en"))
    'do not add up to 1: 2; one is missing: 1'
    """
    words = {
        "count": _("not one for each class"),
        "missing": _("one is missing"),
        "outside": _("one is below 0 or above 1"),
        "sum": _("do not add up to 1"),
    }
    return "; ".join(f"{words[fault]}: {count}" for fault, count in faults.items())


def _column_values(column: ColumnVerdict) -> dict[str, float]:
    values = column.drift_values() | {
        "missing_ratio": column.missing_ratio,
        "missing_detected": float(column.missing_detected),
    }
    if column.kind == "categorical":
        values["new_category_ratio"] = column.new_category_ratio
    return values
