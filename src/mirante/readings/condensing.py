"""What one reading says for many of a series, once a store no longer keeps each of them."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["Summary", "is_detail", "summary_of"]

Summary: TypeAlias = Literal["mean", "sum", "greatest", "least", "last"]

# counts of a window, which those of its hours add up to
_SUMS = frozenset({
    "predictions", "table_rows", "performance_labels", "performance_labels_missing", "challenger_shared",
    "traces", "trace_tokens", "trace_cost_usd", "assessments",
})  # fmt: skip
_LEAST = frozenset({
    "drift_p_value", "mlflow_server_up", "source_up", "monitor_rules_valid", "monitor_archive_up",
})  # fmt: skip
_GREATEST = frozenset({
    "run_failed", "estimated_performance_dropped", "monitor_task_failing", "monitor_queue_length",
    "freshness_seconds", "monitor_archive_waiting", "performance_labels_unmatched", "run_metric_worsening",
    "version_baseline_missing", "version_signature_missing", "baseline_missing",
    "agent_counting_failing", "agent_outdated", "monitor_agents_behind",
})  # fmt: skip
# what windows tell too: scores beside the one that the verdict is made of, and limits of data quality
_DETAILS = frozenset({
    "drift_psi", "drift_jensenshannon", "drift_hellinger", "drift_total_variation", "drift_wasserstein",
    "drift_chi2", "drift_l_infinity", "missing_detected", "out_of_range_detected", "out_of_range_ratio",
    "new_category_detected", "new_category_ratio",
})  # fmt: skip
_LAST = ("alias_version", "mlflow_experiment_runs", "mlflow_registered_models", "mlflow_model_versions")
_LAST_OF = ("run_metric", "run_seconds", "run_idle_", "experiment_best_")


def summary_of(name: str) -> Summary:
    """Return how readings of a name become one: the worst of what is judged, the last of what only grows.

    Parameters
    ----------
    name : str
        Of the readings.

    Returns
    -------
    {"mean", "sum", "greatest", "least", "last"}
        ``mean`` for whatever is not known.

    Examples
    --------
    >>> [summary_of(name) for name in ("drift_ks", "drift_p_value", "predictions", "system_cpu_percent")]
    ['greatest', 'least', 'sum', 'mean']
    >>> summary_of("system_network_sent_bytes_total"), summary_of("missing_detected")
    ('last', 'greatest')
    """
    if name in _SUMS:
        return "sum"
    if name in _LEAST:
        return "least"
    if name in _GREATEST or name.startswith("drift_") or name.endswith(("_detected", "_left_out")):
        return "greatest"
    if name in _LAST or name.endswith("_total") or name.startswith(_LAST_OF):
        return "last"
    return "mean"


def is_detail(name: str) -> bool:
    """Return whether old readings of a name are kept by the day at once, not by the hour first.

    Examples
    --------
    >>> is_detail("drift_psi"), is_detail("drift_ks")
    (True, False)
    """
    return name in _DETAILS
