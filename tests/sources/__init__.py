"""Tests of mirante.sources."""
