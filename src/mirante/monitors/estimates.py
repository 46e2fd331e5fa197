"""The performance of a window before its labels are in, for its verdicts, its readings and the notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from mirante.i18n import translator
from mirante.monitors.logged import check_enough
from mirante.readings import Reading
from mirante.stats.calibration import alarm_level
from mirante.store.types import finite

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from mirante.i18n import Translator
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.rows import RowSource, Watched
    from mirante.performance.estimated import Estimate, PerformanceEstimator, Portion

__all__ = ["WindowEstimates", "estimate_readings", "gathered"]

_MOST_ROWS = 200_000  # of a window: what more of them would change lies far within the band
_UNTOLD = ", and did not say of all of them what they are worth; upgrade those agents, or look at their logs"
_PARTS = ("value", "lower", "upper", "threshold")

_log = structlog.get_logger("mirante.performance")


class WindowEstimates:
    """Reads a window's predictions from the inference log and estimates what they are worth.

    The window's verdict stands without it, so it never fails: why nothing is estimated is logged, once for
    each reason, and kept with the window.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Which model; its alarm budget, or else the baseline's, makes the thresholds.
    version : str
        Whose rows.
    baseline : ModelBaseline
        With an estimator; without one nothing is estimated.
    log : RowSource
        Has the window's rows.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        config: Watched,
        version: str,
        baseline: ModelBaseline,
        log: RowSource,
        *,
        locale: str = "en",
    ) -> None:
        self._config, self._version = config, version
        self._baseline, self._inference_log = baseline, log
        self._locale = locale
        self._told: set[str] = set()
        budget = config.alarm_budget or baseline.drift.alarm_budget
        self._level = alarm_level(budget, config.window)

    def find(self, window: OpenWindow) -> dict[str, Any]:
        """Return what the window's verdicts keep.

        Parameters
        ----------
        window : OpenWindow
            Complete. At most 200,000 of its rows are read, drawn uniformly; up to one in twenty may have been
            deleted since they were counted.

        Returns
        -------
        dict
            ``measures``: by name ``value, lower, upper, threshold`` (None where the rows do not say) and
            ``beyond``; and ``sentence``, which names those beyond their thresholds, empty without any. Or
            ``reason``: ``no_labels`` (the baseline has no estimator), ``task`` (the config says that
            predictions are something else than the baseline says) or ``error``, with ``detail``.
        """
        estimator = self._baseline.estimator
        if estimator is None:
            why = str(self._baseline.about.get("not_estimated", ""))
            text = (
                why or "the baseline has no labels; write it again: mirante baseline create … --label COLUMN"
            )
            return self._nothing("error" if why else "no_labels", window, text)
        task = self._config.task or estimator.task
        if task != estimator.task:
            text = f"the config says task {task!r} and the baseline was made with {estimator.task!r}"
            return self._nothing("task", window, text)
        if not window.rows:
            return {"measures": {}, "sentence": ""}
        many, told = sum(window.agents.values()), window.estimated
        if many and (told is None or told.rows != many):
            return self._nothing("error", window, window.elsewhere + _UNTOLD)
        try:
            found = self._estimated(window, estimator)
        except Exception as error:  # whatever is wrong with rows or files, the window has been judged
            return self._nothing("error", window, str(error))
        sentence = dropped_sentence(found, translator(self._locale))
        return {"measures": finite(found), "sentence": sentence}

    def _estimated(self, window: OpenWindow, estimator: PerformanceEstimator) -> dict[str, Estimate]:
        """Return the estimates of rows that are here, or that agents gathered, or both."""
        if not window.agents:
            said, features = _asked(self._baseline, self._rows(window, estimator.needs_features))
            return estimator.estimate(said, features, level=self._level)
        whole = window.estimated
        if here := window.logged_rows:
            own = estimator.gather(*_asked(self._baseline, self._rows(window, estimator.needs_features)))
            # of very many rows a part is read, which stands for all of them
            whole = own.standing_for(here) if whole is None else own.standing_for(here) + whole
        return {} if whole is None else estimator.estimate_sums(whole, level=self._level)

    def _rows(self, window: OpenWindow, features: bool) -> pa.Table:
        names = [*(self._baseline.features if features else ()), *self._baseline.predictions.logged]
        span, model = window.window, self._config.model
        rows = self._inference_log.sample(
            model, self._version, _MOST_ROWS, start=span.start, end=span.end, columns=names
        )
        here = window.logged_rows
        check_enough(self._inference_log, rows.num_rows, here, _MOST_ROWS, span.start, span.end)
        return rows

    def _nothing(self, reason: str, window: OpenWindow, detail: str) -> dict[str, Any]:
        if reason not in self._told:
            self._told.add(reason)
            tell = _log.info if reason == "no_labels" else _log.warning
            tell(
                "performance not estimated",
                subject=self._config.subject,
                version=self._version,
                first_window=window.window.start.isoformat(),
                reason=reason,
                error=detail,
            )
        return {"reason": reason, "detail": detail}


def gathered(baseline: ModelBaseline, table: pa.Table) -> Portion | None:
    """Return what rows say of the model's performance, for where rows do not go along.

    Parameters
    ----------
    baseline : ModelBaseline
        With an estimator, or without.
    table : pyarrow.Table
        Features by name, and predictions, as the inference log has them.

    Returns
    -------
    Portion or None
        None without an estimator.

    Raises
    ------
    InputError
        If the predictions are none of its kind.
    """
    if baseline.estimator is None:
        return None
    return baseline.estimator.gather(*_asked(baseline, table))


def _asked(baseline: ModelBaseline, rows: pa.Table) -> tuple[NDArray[Any], pa.Table]:
    """Return predictions, and the features that the model was given."""
    names = [*baseline.features, *baseline.predictions.logged]
    asked = rows.select([name for name in names if name in rows.column_names])
    return baseline.predictions.said(rows), asked


def dropped_sentence(found: Mapping[str, Estimate], _: Translator) -> str:
    """Return which estimates are beyond their thresholds; empty without any.

    Examples
    --------
    >>> from mirante.performance.estimated import Estimate
    >>> found = {"roc_auc": Estimate(0.71, 0.69, 0.73, 0.74, beyond=True)}
    >>> dropped_sentence(found, translator("en"))
    'ROC AUC is estimated at 0.71 (0.69 to 0.73); normal windows keep to 0.74'
    """
    return "; ".join(
        _(
            "%(measure)s is estimated at %(value)s (%(lower)s to %(upper)s); "
            "normal windows keep to %(limit)s",
            measure=measure_name(name, _),
            value=f"{one.value:.4g}",
            lower=f"{one.lower:.4g}",
            upper=f"{one.upper:.4g}",
            limit=f"{one.threshold:.4g}",
        )
        for name, one in found.items()
        if one.beyond
    )


def measure_name(name: str, _: Translator) -> str:
    """Return a measure as people call it."""
    names = {
        "accuracy": _("Accuracy"),
        "roc_auc": "ROC AUC",
        "f1": "F1",
        "precision": _("Precision"),
        "recall": _("Recall"),
        "brier": _("Brier score"),
        "log_loss": _("Log loss"),
        "balanced_accuracy": _("Balanced accuracy"),
        "average_precision": _("Average precision"),
        "precision_weighted": _("Precision, weighted"),
        "recall_weighted": _("Recall, weighted"),
        "f1_weighted": _("F1, weighted"),
        "calibration_error": _("Calibration error"),
        "median_absolute_error": _("Median absolute error"),
        "bias": _("Bias"),
        "r2": "R²",
    }
    return names.get(name, name.upper())


def estimate_readings(
    found: Mapping[str, Any], window: OpenWindow, labels: Mapping[str, str]
) -> list[Reading]:
    """Return the readings of what `WindowEstimates.find` gave.

    Parameters
    ----------
    found : mapping
        With ``measures``; without, there are no readings.
    window : OpenWindow
        Whose they are.
    labels : mapping of str to str
        Model, alias, version.

    Returns
    -------
    list of Reading
        At the window's start: ``estimated_<measure>`` with ``_lower, _upper, _threshold``, those that are
        known, and ``estimated_performance_dropped``, whose note is the sentence.
    """
    measures: Mapping[str, Any] = found.get("measures") or {}
    start = window.window.start
    readings = [
        Reading(f"estimated_{name}" + ("" if part == "value" else f"_{part}"), one[part], start, labels)
        for name, one in measures.items()
        for part in _PARTS
        if one[part] is not None
    ]
    if readings:
        dropped = float(any(one["beyond"] for one in measures.values()))
        readings.append(Reading("estimated_performance_dropped", dropped, start, labels, found["sentence"]))
    return readings
