"""Acts on all prompts that a list finds."""
