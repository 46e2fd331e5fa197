"""False alarms and power of the drift monitor, simulated: ``python -m benchmarks.alarms``."""
