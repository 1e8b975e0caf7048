"""Numbers about rewards and labels, and the report that holds them: numpy alone."""
