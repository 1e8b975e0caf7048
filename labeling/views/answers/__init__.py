"""What people answered, as pages show it."""
