"""MLflow's own scoring server with capture in front of it: ``mirante serve``."""
