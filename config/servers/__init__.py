"""Keeps the servers that Podium brings along, PostgreSQL and Valkey, and asks those of the operator."""
