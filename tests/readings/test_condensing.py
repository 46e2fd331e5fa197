"""Each name that is known has a summary that suits it."""

import pytest

from mirante.readings import READINGS
from mirante.readings.condensing import summary_of


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("sum", ["predictions", "table_rows", "traces", "trace_tokens", "performance_labels"]),
        ("greatest", ["drift_ks", "drift_detected", "drift_effect", "missing_detected", "run_failed"]),
        ("greatest", ["monitor_task_failing", "traces_left_out", "freshness_seconds"]),
        ("least", ["drift_p_value", "mlflow_server_up", "source_up", "monitor_rules_valid"]),
        ("last", ["alias_version", "predictions_read_total", "run_metric", "run_metric_step"]),
        ("mean", ["system_cpu_percent", "performance_accuracy", "custom_metric", "missing_ratio", "x"]),
    ],
)
def test_how_readings_become_one(how, names):
    assert {name: summary_of(name) for name in names} == dict.fromkeys(names, how)


def test_what_says_0_or_1_is_never_averaged():
    flags = [name for name, kind in READINGS.items() if kind.unit == "0 or 1"]
    assert flags
    assert [name for name in flags if summary_of(name) == "mean"] == []


def test_what_only_grows_keeps_its_last():
    assert {summary_of(name) for name in READINGS if name.endswith("_total")} == {"last"}
