"""Rows that look like nothing in the baseline."""
