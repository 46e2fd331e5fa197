"""The inference log: every prediction, as plain Arrow and Parquet files that other tools read too."""

from mirante.inference_log.reader import InferenceLog

__all__ = ["InferenceLog"]
