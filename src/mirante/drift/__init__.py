"""Detectors of drift: the direct one (two samples in hand) and the monitor's (profiles, calibrated)."""
