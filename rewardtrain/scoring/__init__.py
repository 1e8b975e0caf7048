"""Scores by a finished model: the service that keeps models loaded, its client, and jobs of many texts."""
