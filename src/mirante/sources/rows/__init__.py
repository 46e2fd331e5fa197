"""Tables as sources of rows: what is new in them, rows of a time, some of them by lot."""
