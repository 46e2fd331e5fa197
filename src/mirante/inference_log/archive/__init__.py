"""Sealed segments in object storage, in the layout of the log itself."""
