"""A store as one file, and a store from it: written while the service runs, the same for both databases."""
