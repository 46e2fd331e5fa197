"""Tests of realised performance."""
