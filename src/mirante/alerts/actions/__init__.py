"""What Mirante does to MLflow's registry because of alerts: off unless configured, and told as an event."""
