"""Imports that a worker does: the file that was sent, the row, how far it is, and how it is taken back."""
