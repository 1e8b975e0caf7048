"""Frozen dataset versions: written, read, compared."""
