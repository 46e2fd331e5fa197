"""The table of all readings by name: their labels, units and meanings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from mirante.readings.reading import SLICE

__all__ = ["READINGS", "ReadingKind", "label_names", "unit_of"]


class ReadingKind(NamedTuple):
    """What a name means: its labels beyond the subject's, its unit, and one line for people.

    The unit ``share`` is a number from 0 to 1 that people read in per cent.
    """

    labels: tuple[str, ...]
    unit: str
    help: str


_F = ("feature",)
_S = (SLICE,)
_FS = ("feature", SLICE)
_RUN = ("run", "run_id")
_VERSION = ("registered_model", "version")
_KEY = ("run", "run_id", "key")


def _estimated() -> dict[str, ReadingKind]:
    """Return the four readings of each measure that is estimated."""
    measures = {
        "accuracy": ("share", "accuracy"),
        "roc_auc": ("0 to 1", "area under the ROC curve"),
        "f1": ("0 to 1", "F1 of label 1"),
        "precision": ("share", "precision of label 1"),
        "recall": ("share", "recall of label 1"),
        "brier": ("0 to 1", "mean squared error of the probability"),
        "log_loss": ("nats", "mean negative log-likelihood"),
        "mae": ("label unit", "mean absolute error"),
        "rmse": ("label unit", "root mean squared error"),
        "mape": ("share", "mean absolute error as a share of the label"),
    }
    parts = {
        "": "{}, estimated before labels are in",
        "_lower": "{}: lower end of the estimate's band of 95 %",
        "_upper": "{}: upper end of the estimate's band of 95 %",
        "_threshold": "{}: worst that windows of so many rows have in normal times, within the alarm budget",
    }
    return {
        f"estimated_{name}{part}": ReadingKind((), unit, text.format(words))
        for name, (unit, words) in measures.items()
        for part, text in parts.items()
    }


def _realised() -> dict[str, ReadingKind]:
    """Return the kinds of what labels say: each measure, and the ends of its interval where it has one."""
    kinds: dict[str, ReadingKind] = {
        "performance_labels": ReadingKind(_S, "rows", "predictions of the window that have a label"),
        "performance_labels_missing": ReadingKind((), "rows", "predictions of the window that have no label"),
        "performance_labels_share": ReadingKind((), "share", "predictions of the window that have a label"),
        "performance_labels_unmatched": ReadingKind(
            (), "rows", "labels that came a window ago or earlier and fit no prediction of a judged window"
        ),
    }
    measures = {
        "accuracy": ("share", "share of labelled predictions that were right"),
        "balanced_accuracy": ("share", "mean over classes of the share that was recognised"),
        "log_loss": ("nats", "mean negative log-likelihood of the labels"),
        "roc_auc": (
            "0 to 1",
            "area under the ROC curve, of several classes the mean; NaN when only one class is there",
        ),
        "average_precision": ("0 to 1", "mean precision over labels of 1, by falling probability"),
        "brier": ("0 to 1", "mean squared error of the probability"),
        "base_rate": ("share", "share of positive labels"),
        "precision": ("share", "share of predicted 1 that were 1; NaN when none was predicted"),
        "recall": ("share", "share of labels of 1 that were predicted; NaN when there is none"),
        "f1": ("0 to 1", "harmonic mean of precision and recall; of several classes a mean, as those two"),
        "precision_weighted": ("share", "precision of several classes, weighted by their labels"),
        "recall_weighted": ("share", "recall of several classes, weighted by their labels"),
        "f1_weighted": ("0 to 1", "F1 of several classes, weighted by their labels"),
        "calibration_error": ("0 to 1", "mean distance of said and realised probability, in ten bins"),
        "mae": ("label unit", "mean absolute error (regression)"),
        "rmse": ("label unit", "root mean squared error (regression)"),
        "median_absolute_error": ("label unit", "median absolute error (regression)"),
        "bias": ("label unit", "mean of prediction less label (regression)"),
        "mape": ("share", "mean absolute error as a share of the label; NaN where a label is 0 (regression)"),
        "r2": ("up to 1", "coefficient of determination (regression)"),
    }
    for name, (unit, meaning) in measures.items():
        kinds[f"performance_{name}"] = ReadingKind(_S, unit, meaning)
        for end in ("lower", "upper"):
            text = f"{end} end of the 95 % interval of `performance_{name}`"
            kinds[f"performance_{name}_{end}"] = ReadingKind(_S, unit, text)
    kinds["performance_calibration_error_expected"] = ReadingKind(
        _S, "0 to 1", "calibration error that so few rows of a perfectly calibrated model would have"
    )
    return kinds


_REALISED = _realised()

_TRACES = {
    "traces": ReadingKind(
        ("status",), "traces", "traces that began in the window by status: ok, error, in_progress"
    ),
    "trace_error_share": ReadingKind((), "share", "traces that failed, of those that ended"),
    "trace_latency_seconds_p50": ReadingKind((), "seconds", "median duration of traces in the window"),
    "trace_latency_seconds_p95": ReadingKind((), "seconds", "95th percentile of duration in the window"),
    "trace_latency_seconds_p99": ReadingKind((), "seconds", "99th percentile of duration in the window"),
    "trace_tokens": ReadingKind(
        ("kind",), "tokens", "tokens of the window's traces, by kind: input, output, total"
    ),
    "trace_cost_usd": ReadingKind((), "US dollars", "cost of the model calls in the window"),
    "assessments": ReadingKind(
        ("assessment",), "feedbacks", "feedback of this name on the window's traces, as it comes in"
    ),
    "assessment_mean": ReadingKind(
        ("assessment",), "the assessment's", "mean of numbers, and of yes and no as 1 and 0"
    ),
    "assessment_share": ReadingKind(
        ("assessment", "value"), "share", "feedback that says this, of all that is text or yes and no"
    ),
    "assessment_failed_share": ReadingKind(
        ("assessment",), "share", "feedback without a value that can be used: the judge failed"
    ),
}


def _of_model(kind: ReadingKind) -> ReadingKind:
    """Return the same of one logged model's traces."""
    told = f"the same of the traces of a logged model: {kind.help}"
    return ReadingKind(("logged_model", "model_id", *kind.labels), kind.unit, told)


READINGS: Mapping[str, ReadingKind] = MappingProxyType(
    {
        # hosts
        "system_cpu_percent": ReadingKind((), "percent", "CPU in use, of all cores"),
        "system_memory_percent": ReadingKind((), "percent", "memory in use"),
        "system_disk_percent": ReadingKind((), "percent", "disk in use"),
        "system_network_sent_bytes_total": ReadingKind((), "bytes", "bytes sent since boot"),
        "system_network_received_bytes_total": ReadingKind((), "bytes", "bytes received since boot"),
        "system_processes": ReadingKind((), "processes", "processes running"),
        "system_cpus": ReadingKind((), "cores", "CPU cores, hyperthreads counted"),
        "system_load1": ReadingKind((), "processes", "processes that run or wait, mean of 1 minute"),
        "system_load5": ReadingKind((), "processes", "processes that run or wait, mean of 5 minutes"),
        "system_load15": ReadingKind((), "processes", "processes that run or wait, mean of 15 minutes"),
        "system_swap_percent": ReadingKind((), "percent", "swap space in use"),
        "system_disk_read_bytes_total": ReadingKind((), "bytes", "bytes read from all disks since boot"),
        "system_disk_written_bytes_total": ReadingKind((), "bytes", "bytes written to all disks since boot"),
        "system_mount_percent": ReadingKind(
            ("mount",), "percent", "file system in use; those on disks of the host, at most 20"
        ),
        "system_mount_free_bytes": ReadingKind(("mount",), "bytes", "free for ordinary users"),
        "system_network_errors_total": ReadingKind((), "packets", "faulty packets, in and out, since boot"),
        "system_network_dropped_total": ReadingKind((), "packets", "dropped packets, in and out, since boot"),
        "system_process_cpu_percent": ReadingKind(
            ("rank",), "percent", "CPU of the 5 busiest processes, of all cores; its note names the process"
        ),
        "system_process_memory_bytes": ReadingKind(
            ("rank",), "bytes", "resident memory of the 5 largest processes; its note names the process"
        ),
        # the container or control group that Mirante runs in, where that has a limit
        "system_container_cpu_percent": ReadingKind((), "percent", "CPU in use, of the container's limit"),
        "system_container_cpu_limit_cores": ReadingKind((), "cores", "the container's limit of CPU"),
        "system_container_throttled_seconds_total": ReadingKind(
            (), "seconds", "time that the container was held back by its CPU limit"
        ),
        "system_container_memory_percent": ReadingKind(
            (), "percent", "memory in use, of the container's limit, without cache that can be given back"
        ),
        "system_container_memory_used_bytes": ReadingKind((), "bytes", "memory that the container uses"),
        "system_container_memory_limit_bytes": ReadingKind((), "bytes", "the container's limit of memory"),
        "system_container_oom_kills_total": ReadingKind(
            (), "processes", "processes of the container that were killed because its memory was full"
        ),
        # NVIDIA GPUs, with mirante[gpu]; the note is the GPU's name
        "system_gpu_percent": ReadingKind(("gpu",), "percent", "time in which the GPU was at work"),
        "system_gpu_memory_percent": ReadingKind(("gpu",), "percent", "memory of the GPU in use"),
        "system_gpu_temperature_celsius": ReadingKind(("gpu",), "degrees Celsius", "temperature of the GPU"),
        "system_gpu_power_watts": ReadingKind(("gpu",), "watts", "power that the GPU draws"),
        # volume and latency of a model, per window
        "predictions": ReadingKind(_S, "rows", "predictions in the window, also those not recorded"),
        "predictions_read_total": ReadingKind(
            (), "rows", "predictions read from the inference log since the first"
        ),
        "prediction_latency_seconds_mean": ReadingKind((), "seconds", "mean latency in the window"),
        "prediction_latency_seconds_p50": ReadingKind((), "seconds", "median latency in the window"),
        "prediction_latency_seconds_p95": ReadingKind(
            (), "seconds", "95th percentile of latency in the window"
        ),
        "prediction_latency_seconds_p99": ReadingKind(
            (), "seconds", "99th percentile of latency in the window"
        ),
        # rows of a table
        "table_rows": ReadingKind((), "rows", "rows of the table in the window, or in the snapshot"),
        "table_rows_read_total": ReadingKind((), "rows", "rows read from the table since the first"),
        # experiments of MLflow and their runs, at each look
        "mlflow_experiment_runs": ReadingKind(
            ("status",), "runs", "runs by status: running, scheduled, finished, failed, killed"
        ),
        "experiment_failed_share": ReadingKind(
            (), "share", "runs that failed, of those that ended within a day; NaN when none ended"
        ),
        "experiment_run_seconds_p50": ReadingKind(
            (), "seconds", "median duration of the runs that finished within a day"
        ),
        "experiment_run_seconds_p95": ReadingKind(
            (), "seconds", "95th percentile of duration of the runs that finished within a day"
        ),
        "experiment_best_metric": ReadingKind(
            ("key",), "the metric's", "best value of any run so far; its note names the run"
        ),
        "experiment_runs_left_out": ReadingKind(
            (), "runs", "running runs beyond `experiments.most_runs`, which are not followed"
        ),
        "run_seconds": ReadingKind(_RUN, "seconds", "age of a running run"),
        "run_idle_seconds": ReadingKind(
            _RUN, "seconds", "time since a running run logged a new point of a metric, or began"
        ),
        "run_metric": ReadingKind(
            _KEY, "the metric's", "last value of a running run's metric; its note is the step"
        ),
        "run_metric_step": ReadingKind(_KEY, "steps", "step of that value"),
        "run_metric_stagnant_seconds": ReadingKind(
            _KEY, "seconds", "time since the metric was last seen to be the run's best so far"
        ),
        "run_metric_worsening": ReadingKind(
            _KEY,
            "0 up",
            "by how much the metric is worse than the run's best, as a share of that; NaN where that is 0",
        ),
        "run_failed": ReadingKind(_RUN, "0 or 1", "1 for an hour after a run failed"),
        # MLflow's registry, at each look
        "mlflow_registered_models": ReadingKind((), "models", "registered models"),
        "mlflow_model_versions": ReadingKind(
            ("registered_model",), "versions", "versions of a registered model, without those deleted"
        ),
        "registered_models_left_out": ReadingKind(
            (),
            "models",
            "registered models that are not watched, by the config or beyond `registry.most_models`",
        ),
        "version_baseline_missing": ReadingKind(
            _VERSION,
            "0 or 1",
            "whether a version that an alias points to, or a model's newest, has no baseline; its note says "
            "how to make one",
        ),
        "version_signature_missing": ReadingKind(
            _VERSION,
            "0 or 1",
            "whether such a version was logged without a signature; NaN if that is unknown",
        ),
        # traces of MLflow, per window of the times at which they begin
        **_TRACES,
        **{f"logged_model_{name}": _of_model(kind) for name, kind in _TRACES.items()},
        "traces_left_out": ReadingKind(
            (), "0 or 1", "1 when the window has more traces than are read one by one"
        ),
        "trace_errors_detected": ReadingKind(
            (), "0 or 1", "1 when more traces failed than in the windows before; its note says how many"
        ),
        "trace_latency_detected": ReadingKind(
            (), "0 or 1", "1 when traces took longer than in the windows before; its note says by how much"
        ),
        "mlflow_traces": ReadingKind(
            ("status",), "traces", "all traces of the experiment that MLflow has, by status"
        ),
        # what serving processes count
        "prediction_errors_total": ReadingKind(
            ("status",), "requests", "requests answered with an error: HTTP status, or name of an exception"
        ),
        "signature_violations_total": ReadingKind(
            ("feature", "kind"),
            "rows",
            "rows that broke the model's signature, by kind: missing, extra, type, null",
        ),
        # which version an alias points to
        "alias_version": ReadingKind(
            (), "version", "version that the alias points to; NaN when that is no number"
        ),
        "baseline_missing": ReadingKind(
            (), "0 or 1", "whether the version that the alias points to has no baseline"
        ),
        "alias_moves_total": ReadingKind(
            (), "moves", "times that the alias moved to another version; the note names both"
        ),
        # drift, per window; the prediction is the feature named "prediction", and the features of an
        # experiment's traces are "latency", "status" and "assessment/<name>"
        "drift_ks": ReadingKind(_F, "0 to 1", "Kolmogorov-Smirnov distance of window and baseline (numeric)"),
        "drift_psi": ReadingKind(_F, "0 up", "population stability index"),
        "drift_jensenshannon": ReadingKind(_F, "0 to 1", "Jensen-Shannon distance, base 2"),
        "drift_hellinger": ReadingKind(_F, "0 to 1", "Hellinger distance"),
        "drift_total_variation": ReadingKind(_F, "0 to 1", "total variation distance"),
        "drift_wasserstein": ReadingKind(
            _F, "baseline sd", "Wasserstein-1 distance in baseline standard deviations (numeric)"
        ),
        "drift_chi2": ReadingKind(_F, "0 up", "two-sample chi-squared statistic (categorical)"),
        "drift_l_infinity": ReadingKind(_F, "0 to 1", "largest change of a category's share (categorical)"),
        "drift_p_value": ReadingKind(_F, "0 to 1", "p-value of the test behind the verdict"),
        "drift_effect": ReadingKind(_FS, "0 to 1", "size of the shift: KS distance or total variation"),
        "drift_detected": ReadingKind(
            _FS, "0 or 1", "the verdict: 1 when the column drifted; its note is the sentence"
        ),
        "drift_share": ReadingKind(_S, "share", "share of the columns that drifted"),
        # two aliases of one model on the rows that both answered, per window
        "challenger_shared": ReadingKind(
            ("challenger",), "rows", "rows that the alias and its challenger have both answered"
        ),
        "challenger_agreement": ReadingKind(
            ("challenger",), "share", "share of those of which both say the same class (same side of 0.5)"
        ),
        "challenger_gap": ReadingKind(
            ("challenger",), "prediction unit", "mean absolute difference of what both say"
        ),
        # quality, per window
        "missing_ratio": ReadingKind(_FS, "share", "share of missing values"),
        "missing_detected": ReadingKind(
            _FS, "0 or 1", "1 when the share of missing values left the baseline's range"
        ),
        "new_category_ratio": ReadingKind(_F, "share", "share of rows whose category the baseline never had"),
        "new_category_detected": ReadingKind(
            _F, "0 or 1", "1 when more rows than in normal windows have such a category; its note says why"
        ),
        "invalid_probabilities_ratio": ReadingKind(
            (), "share", "share of rows whose probabilities of classes were none; its note says why"
        ),
        "out_of_range_ratio": ReadingKind(
            _F, "share", "share of values below the baseline's smallest or above its largest (numeric)"
        ),
        "out_of_range_detected": ReadingKind(
            _F, "0 or 1", "1 when more values than in normal windows lie there; its note says why"
        ),
        "duplicate_ratio": ReadingKind(
            (), "share", "share of rows that are copies of another of the same window, by their features"
        ),
        "duplicates_detected": ReadingKind(
            (), "0 or 1", "1 when more rows than in normal windows are copies; its note says why"
        ),
        "row_count_detected": ReadingKind(
            (), "0 or 1", "1 when more or fewer predictions came than in normal windows; its note says why"
        ),
        "freshness_seconds": ReadingKind((), "seconds", "age of the newest row, told each minute"),
        "freshness_detected": ReadingKind(
            (), "0 or 1", "1 when no row has come for longer than in normal times; its note says how long"
        ),
        "outlier_ratio": ReadingKind((), "share", "share of rows over the outlier threshold of the baseline"),
        "custom_metric": ReadingKind(
            ("metric",),
            "its own",
            "a metric of your own; NaN, with the reason as note, where it is unknown",
        ),
        # performance, per window, as labels come in
        **_REALISED,
        # performance, per window, before labels are in: where the baseline has labels
        **_estimated(),
        "estimated_performance_dropped": ReadingKind(
            (), "0 or 1", "1 when an estimate is beyond its threshold; its note says which"
        ),
        # the reference API's counters, at /metrics
        "mlflow_model_predictions_total": ReadingKind((), "predictions", "predictions since start"),
        "mlflow_prediction_latency_seconds": ReadingKind((), "seconds", "histogram of prediction latency"),
        "mlflow_server_up": ReadingKind(("server",), "0 or 1", "1 when the MLflow server answered"),
        # agents on other hosts
        "agent_clock_skew_seconds": ReadingKind(
            (), "seconds", "how far the agent's clock is ahead of the service's; negative when it is behind"
        ),
        "agent_spool_batches": ReadingKind((), "batches", "batches that wait on the agent's disk"),
        "agent_spool_bytes": ReadingKind((), "bytes", "size of the agent's spool"),
        "agent_dropped_total": ReadingKind(
            ("kind",),
            "batches",
            "batches that the agent dropped as its spool was full or too old, of `readings` or `windows`",
        ),
        "agent_refused_total": ReadingKind(
            (), "batches", "batches that the service did not understand and the agent set aside"
        ),
        "agent_late_total": ReadingKind(
            (), "rows", "rows that the agent found after it had sent their window"
        ),
        "agent_counting_failing": ReadingKind((), "0 or 1", "1 while it cannot count; its note says why"),
        "agent_outdated": ReadingKind((), "0 or 1", "1 while the agent is older than the service"),
        # the monitor itself
        "source_up": ReadingKind(
            ("source",), "0 or 1", "1 while anything is heard of a source; made for rules, not stored"
        ),
        "monitor_rules_valid": ReadingKind(
            (), "0 or 1", "0 while the rule file is broken and the rules from before hold; its note says why"
        ),
        "monitor_lease_taken_total": ReadingKind(
            (), "starts", "how often a service took the work of this store; the note says which has it"
        ),
        "monitor_task_failures_total": ReadingKind(
            ("task",), "failures", "tasks of the service that failed since start"
        ),
        "monitor_task_failing": ReadingKind(
            ("task",), "0 or 1", "1 while the task's last run failed; its note says why"
        ),
        "monitor_task_seconds": ReadingKind(("task",), "seconds", "duration of the task's last run"),
        "monitor_dropped_total": ReadingKind(
            (), "rows", "rows of a model that recorders dropped; 0 again after a day without any"
        ),
        "monitor_series_left_out": ReadingKind(
            ("watched",), "series", "series of a subject that are over its cap and not kept; 0 an hour later"
        ),
        "monitor_log_bytes": ReadingKind(
            ("log_model",), "bytes", "size of a model's inference log, of all versions"
        ),
        "monitor_log_removed_total": ReadingKind(
            ("log_model",), "rows", "rows removed from a model's inference log by retention, since start"
        ),
        "monitor_archive_up": ReadingKind(
            ("log_model",),
            "0 or 1",
            "1 while the archive of a model's inference log takes segments; else its note says why not",
        ),
        "monitor_archive_waiting": ReadingKind(
            ("log_model",), "segments", "segments that are to be moved to the archive and are not yet"
        ),
        "monitor_late_total": ReadingKind(
            (), "rows", "rows that came after their window had closed, since start"
        ),
        "monitor_agents_behind": ReadingKind(
            (), "agents", "agents that are heard and not waited for: see note"
        ),
        "monitor_queue_length": ReadingKind(("queue",), "notices", "notices or readings that wait to leave"),
    }
)


def unit_of(name: str) -> str:
    """Return the unit of a reading; a name that is not listed has none, unless it ends in ``_ratio``.

    Examples
    --------
    >>> unit_of("predictions"), unit_of("missing_ratio"), unit_of("my_ratio"), unit_of("mine")
    ('rows', 'share', 'share', '')
    """
    if name in READINGS:
        return READINGS[name].unit
    return "share" if name.endswith("_ratio") else ""


_MODEL = frozenset({"model", "alias", "version"})
_ROWS = _MODEL | {SLICE}
_EXPERIMENT = frozenset({"experiment", "experiment_id"})
_REGISTRY = frozenset({"registry"})
_SUBJECT_LABELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "system_": frozenset({"host"}),
        "agent_": frozenset({"host"}),
        "table_": frozenset({"table"}),
        "mlflow_server_": frozenset(),
        "mlflow_experiment_": _EXPERIMENT,
        "experiment_": _EXPERIMENT,
        "run_": _EXPERIMENT,
        "mlflow_registered_": _REGISTRY,
        "mlflow_model_versions": _REGISTRY,
        "registered_": _REGISTRY,
        "version_": _REGISTRY,
        "trace": _EXPERIMENT,
        "assessment": _EXPERIMENT,
        "logged_model_": _EXPERIMENT,
        "mlflow_traces": _EXPERIMENT,
        "mlflow_": frozenset({"model"}),
        "alias_": frozenset({"model", "alias", "registry", "registered_model"}),
        "monitor_dropped_": frozenset({"model", "alias"}),
        "monitor_late_": _MODEL,
        "monitor_agents_": _MODEL,
        "monitor_": frozenset(),
        "source_": frozenset(),
    }
)


def label_names(name: str) -> frozenset[str] | None:
    """Return the names of the labels that readings of a name may carry; None if the name is not in the table.

    All readings of rows, of a model or of a table, count as having `SLICE`, empty where they are of all rows:
    it tells rows apart.

    Examples
    --------
    >>> sorted(label_names("drift_ks")), sorted(label_names("system_cpu_percent")), label_names("accuracy")
    (['alias', 'feature', 'model', 'slice', 'version'], ['host'], None)
    """
    kind = READINGS.get(name)
    if kind is None:
        return None
    subject = next((labels for start, labels in _SUBJECT_LABELS.items() if name.startswith(start)), _ROWS)
    return subject | frozenset(kind.labels)
