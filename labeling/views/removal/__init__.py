"""Pages that take out what nobody wants any more."""
