"""The ten names of the reference API, against the MLflow server of the demonstration.

Run ``make demo`` in one terminal (it prints the server's address), and in another::

    MLFLOW_TRACKING_URI=http://127.0.0.1:PORT python examples/quickstart.py

Without a server it runs as well: it says once that nothing is logged.
"""

import numpy as np
import pandas as pd

from mirante import (
    AlertManager,
    AlertRule,
    AlertSystem,
    DriftDetector,
    MLflowDashboard,
    MLflowMetrics,
    MLflowReport,
    OutlierDetector,
    SystemMonitor,
)
from mirante.errors import TrackingError

rng = np.random.default_rng(7)

# 1. The host: one sample, and a monitor that takes one every minute until the block ends.
with SystemMonitor(interval=60) as monitor:
    metrics = monitor.collect_metrics()
print(f"CPU {metrics.cpu_percent:.0f} %, memory {metrics.memory_percent:.0f} %")

# 2. Predictions: counted for Prometheus, and written to MLflow in batches.
served = MLflowMetrics()
for latency in rng.gamma(2.0, 0.01, size=500):
    served.log_prediction("churn", float(latency))
print(served.get_prediction_stats())

# 3. Drift: one column as scipy says it, a table column by column.
baseline = pd.DataFrame({"age": rng.normal(40, 10, 2_000), "income": rng.lognormal(8, 0.5, 2_000)})
current = pd.DataFrame({"age": rng.normal(46, 10, 500), "income": rng.lognormal(8, 0.5, 500)})
drift = DriftDetector(baseline).detect_drift(current, threshold=0.05)
print(f"drifted: {drift['drifted_columns']}, p = {drift['p_value']:.2g}")

# 4. Outliers: scikit-learn's scores and meaning of contamination.
detector = OutlierDetector(contamination=0.05)
detector.fit(baseline)
print(f"{detector.detect_outliers(current)['total_outliers']} outliers of {len(current)} rows")

# 5. Alerts: a rule as an expression and one as a function; a channel that is not configured says so.
manager = AlertManager(AlertSystem({"recipients": ["ops@example.org"]}))
manager.add_rule(AlertRule("high_cpu", "cpu_percent > 90", "CPU at {cpu_percent} %", severity="critical"))
manager.add_rule(AlertRule("busy", lambda m: m["process_count"] > 10_000, "{process_count} processes"))
print(manager.evaluate_rules(metrics.__dict__))

# 6. A dashboard in one file.
hours = pd.date_range("2026-01-01", periods=48, freq="h", tz="UTC")
frame = pd.DataFrame({"timestamp": hours, "accuracy": 0.9 + rng.normal(0, 0.01, 48)})
dashboard = MLflowDashboard()
dashboard.add_metric_chart(frame, "accuracy", "Accuracy per hour")
dashboard.add_drift_chart(baseline["age"], current["age"], "Age: baseline and now")
print(f"wrote {dashboard.save_dashboard('quickstart_dashboard.html')}")

# 7. A report of an experiment (the demonstration's, when its server runs).
try:
    report = MLflowReport().generate_experiment_report("nyc-flight-delay training")
    print({key: report[key] for key in ("total_runs", "successful_runs", "failed_runs", "best_metrics")})
except TrackingError as error:
    print(f"no report: {error}")
