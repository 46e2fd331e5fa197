"""The baseline of one model version: its data, predictions and performance when all is well."""

from mirante.monitors.baseline.baseline import ModelBaseline
from mirante.monitors.baseline.fitting import PREDICTION
from mirante.monitors.baseline.keeping import fetch_baseline, load_baseline, publish_baseline

__all__ = ["PREDICTION", "ModelBaseline", "fetch_baseline", "load_baseline", "publish_baseline"]
