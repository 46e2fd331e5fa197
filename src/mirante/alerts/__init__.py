"""Rules on readings, alerts with a memory, notices that arrive."""
