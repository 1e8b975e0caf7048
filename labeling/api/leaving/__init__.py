"""Who leaves: accounts, and all work of a person."""
