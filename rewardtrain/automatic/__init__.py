"""What a champion does in people's stead: automatic labels, and the best of N completions."""
