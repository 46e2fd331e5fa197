"""The one seam to MLflow: the client, monitoring runs, baselines beside model versions, and key names."""
