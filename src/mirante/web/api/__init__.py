"""The HTTP API: read-only JSON, and the one write, labels."""
