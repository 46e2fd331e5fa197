"""The HTTP API: JSON to read, and as writes labels and what people decide."""
