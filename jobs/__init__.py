"""Background work of every kind: one row, one life cycle, child processes, and messages after the commit."""
