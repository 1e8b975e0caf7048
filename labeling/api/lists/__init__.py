"""What managers keep of lists: acts on all that a list finds."""
