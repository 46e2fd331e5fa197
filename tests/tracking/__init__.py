"""Tests of mirante.tracking."""
