"""Reads what the machine and the operator set: variables, addresses, folders, the time zone, rights to files."""
