"""A whole project deleted: what would go, the order to delete it, and the worker that does it."""
