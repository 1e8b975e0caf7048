"""The folder that a model is kept in: weights, settings, card, checksums."""
