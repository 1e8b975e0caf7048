"""Prompts taken out of a project with their rankings, and put back."""
