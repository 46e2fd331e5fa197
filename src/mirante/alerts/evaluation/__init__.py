"""Readings against conditions, in columns: which rows are true, and which may change."""
