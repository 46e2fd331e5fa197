"""The live page and the HTTP API: reads the store, and meets the service only through it."""
