"""Pages of gold, and of what checks say of people."""
