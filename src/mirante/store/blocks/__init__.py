"""Blocks: old readings of a series packed into one row, and all that knows of them."""
