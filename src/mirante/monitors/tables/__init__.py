"""Monitors of tables: time series and logs in windows, and snapshots as a whole."""
