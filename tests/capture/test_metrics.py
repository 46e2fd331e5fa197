import os
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from mirante.capture.metrics import ServingMetrics
from mirante.errors import InputError

COUNT = """
import sys
from mirante.capture.metrics import ServingMetrics
metrics = ServingMetrics()
for _ in range(int(sys.argv[1])):
    metrics.answered("m", 0.004)
    metrics.predicted("m", 2)
metrics.failed("m", "400")
sys.stdout.buffer.write(metrics.render())
"""


def samples(text):
    lines = [line.rpartition(" ") for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_everything_is_counted_under_its_name():
    metrics = ServingMetrics()
    metrics.answered("m", 0.3)
    metrics.predicted("m", 4)
    metrics.failed("m", "504")
    metrics.violated("m", 'a"\\\n', "null", 3)
    metrics.dropped("m", "queue", 2)
    found = samples(metrics.render())
    assert found['mlflow_model_predictions_total{model="m"}'] == 4
    assert found['mlflow_prediction_latency_seconds_count{model="m"}'] == 1
    assert found['mlflow_prediction_latency_seconds_bucket{le="0.25",model="m"}'] == 0
    assert found['mlflow_prediction_latency_seconds_bucket{le="0.5",model="m"}'] == 1
    assert found['prediction_errors_total{model="m",status="504"}'] == 1
    assert found['signature_violations_total{feature="a\\"\\\\\\n",kind="null",model="m"}'] == 3
    assert found['monitor_dropped_total{model="m",reason="queue"}'] == 2


def test_a_model_is_there_before_its_first_prediction():
    metrics = ServingMetrics()
    metrics.show(["m"])
    assert samples(metrics.render())['mlflow_model_predictions_total{model="m"}'] == 0


def test_a_registry_that_has_them_already_is_refused_with_a_way_out():
    registry = CollectorRegistry()
    ServingMetrics(registry)
    with pytest.raises(InputError, match="share as metrics="):
        ServingMetrics(registry)


def test_processes_that_share_a_folder_show_their_sum_also_after_one_has_died(tmp_path):
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for rows in ("3", "4"):
        done = subprocess.run(
            [sys.executable, "-c", COUNT, rows], env=environ, check=True, capture_output=True, timeout=60
        )
    found = samples(done.stdout)
    assert found['mlflow_model_predictions_total{model="m"}'] == 14
    assert found['mlflow_prediction_latency_seconds_count{model="m"}'] == 7
    assert found['prediction_errors_total{model="m",status="400"}'] == 2
