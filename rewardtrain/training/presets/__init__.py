"""Backbones to start from, and what training on each would take here."""
