"""What the pages take that say who gets which prompt."""
