"""Bodies, answers and errors as other servers of the same folder have them, so that their clients work unchanged."""
