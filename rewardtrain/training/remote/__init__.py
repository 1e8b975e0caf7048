"""Runs that a cluster carries out: handed over, followed by short looks, and ended. No process here goes with it."""
