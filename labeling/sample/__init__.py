"""Loads the sample project, from which a first visitor learns what Podium does."""
