"""A prompt's texts corrected: a new revision of the same prompt, and what becomes of what was said of the old one."""
