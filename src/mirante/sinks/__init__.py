"""Where readings go: MLflow and Prometheus, one file each."""
