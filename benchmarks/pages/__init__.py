"""What the pages cost on a large store: ``python -m benchmarks.pages``."""
