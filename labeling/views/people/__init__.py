"""The people of a project, as pages show them."""
