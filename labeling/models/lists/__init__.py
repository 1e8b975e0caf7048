"""What managers keep of lists of prompts: acts on all that a list finds, and views of it."""
