"""Where readings come from, one outside thing per file."""
