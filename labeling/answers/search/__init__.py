"""Full-text search: what prompts, completions and rankings are found by."""
