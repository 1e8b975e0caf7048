"""A person leaves: their own data as files, and what of it is erased."""
