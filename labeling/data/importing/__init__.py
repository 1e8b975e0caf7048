"""Imports: records of any file as prompts, completions and recorded rankings."""
