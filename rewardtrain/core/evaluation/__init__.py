"""A model against labels, and models against one another."""
