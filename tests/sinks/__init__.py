"""Tests of mirante.sinks."""
