"""Projects: their settings, how far they are, and when they will be done at this pace."""
