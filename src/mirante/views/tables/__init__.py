"""The two result tables: what each column of each window looked like, and how far it moved."""
