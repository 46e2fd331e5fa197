"""Monitors: windows of event time, judged against the baseline of a model version."""
