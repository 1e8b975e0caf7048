"""What the API has of gold, and of what checks say of people."""
