"""What files hold, as plain values: lines, JSON, and what makes two prompts the same. No Django, no torch."""
