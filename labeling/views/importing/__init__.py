"""The imports of a project: the list, and of one how far it is, what was bad, and what can be done with it."""
