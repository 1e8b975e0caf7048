"""Training runs: when they are due, what they are set to, and the worker that carries them out."""
