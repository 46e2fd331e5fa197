"""Arithmetic on arrays and counts: histograms, distances, two-sample tests, calibration."""
