"""A check's result in MLflow: metrics, and the HTML file as an artifact."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path, PurePath

from mirante.monitors.check.result import CheckResult

__all__ = ["log_check", "metrics_of", "subject_of_check"]


def metrics_of(result: CheckResult) -> dict[str, float]:
    """Return a result as metrics by name.

    Parameters
    ----------
    result : CheckResult
        Of a check.

    Returns
    -------
    dict of str to float
        ``drift_share``, and for each column ``drift_detected/<column>``, ``drift_ks/<column>``, …,
        ``missing_ratio/<column>``, ``missing_detected/<column>``, ``new_category_ratio/<column>``, under the
        names of the readings; what is not finite is left out. A column that is gone or of another type has
        ``drift_detected`` alone.

    Examples
    --------
    >>> from mirante.monitors.check import check
    >>> metrics = metrics_of(check({"x": [1.0, 2.0]}, {"x": [1.0, 2.0]}))
    >>> metrics["drift_share"], metrics["drift_ks/x"]
    (0.0, 0.0)
    """
    values = {"drift_share": result.drift_share}
    values |= {f"drift_detected/{one.column}": 1.0 for one in result.findings if one.is_drift}
    for one in result.columns:
        verdict = one.verdict
        values |= {f"drift_{score}/{one.column}": float(value) for score, value in verdict.scores.items()}
        values[f"drift_detected/{one.column}"] = float(verdict.drifted or bool(one.new_type))
        values[f"missing_ratio/{one.column}"] = verdict.missing_ratio
        values[f"missing_detected/{one.column}"] = float(verdict.missing_detected)
        if verdict.kind == "categorical":
            values[f"new_category_ratio/{one.column}"] = verdict.new_category_ratio
    return {name: value for name, value in values.items() if math.isfinite(value)}


def subject_of_check(result: CheckResult) -> str:
    """Return the subject whose monitoring run takes a result: the reference, without its file's ending.

    Examples
    --------
    >>> from mirante.monitors.check import check
    >>> subject_of_check(check({"x": [1.0, 2.0]}, {"x": [1.0, 2.0]}))
    'table/reference'
    """
    return f"table/{PurePath(result.reference.name).stem or result.reference.name}"


def log_check(result: CheckResult, *, subject: str | None = None, run_id: str | None = None) -> bool:
    """Log a result; see `CheckResult.log_mlflow`.

    Parameters
    ----------
    result : CheckResult
        Of a check.
    subject : str, optional
        Whose monitoring run.
    run_id : str, optional
        A run to take instead.

    Returns
    -------
    bool
        Whether metrics and file arrived.
    """
    # brings MLflow, which takes seconds
    from mirante.tracking.runs import current_run_id, log_artifact, send_metrics

    about, run = subject or subject_of_check(result), run_id or current_run_id()
    if not send_metrics(metrics_of(result), subject=about, run_id=run):
        return False
    with tempfile.TemporaryDirectory() as folder:
        file = result.to_html(Path(folder) / "drift.html")
        return log_artifact(file, subject=about, run_id=run)
