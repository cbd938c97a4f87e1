"""Data sources: a file for each, found by its name in `SOURCES`."""
